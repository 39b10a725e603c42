//! Words before much time is spent on what cannot succeed.

use std::collections::BTreeSet;

use potstill_base::quoted;

use super::Run;
use crate::{error::EngineError, observer::Observer};

/// So many classes are named.
const NAMED: usize = 5;
/// After so many epochs it is asked whether the loss moves.
const EPOCHS: usize = 3;
/// A loss that has come down by less than this part of itself has not.
const STILL: f64 = 0.01;

impl Run {
    /// Says which classes no training image shows. Images without labels show none, and of a set that has some, those may show what the
    /// others do not.
    pub(super) fn warn_of_classes(&self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let train = self.spec.data.train.as_ref();
        let classes = train.classes();
        if train.info().partly_labelled {
            return Ok(());
        }
        let mut unseen: BTreeSet<usize> = (0..classes.len()).collect();
        for index in 0..train.len() {
            // The first images of most sets show every class.
            if unseen.is_empty() {
                return Ok(());
            }
            for class in train.target(index)?.classes() {
                unseen.remove(&(class as usize));
            }
        }
        if unseen.is_empty() || unseen.len() == classes.len() {
            return Ok(());
        }
        let more = match unseen.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = unseen.iter().take(NAMED).map(|class| classes[*class].as_str());
        observer.says(&format!(
            "warning: no training image shows {}{more}: the student cannot learn what that is",
            quoted(named)
        ));
        Ok(())
    }

    /// Says that the loss has not come down in the first epochs.
    pub(super) fn warn_of_still_loss(&self, observer: &mut dyn Observer) {
        let epochs = || self.rows.iter().filter(|row| !row.search);
        if epochs().count() != EPOCHS || self.rows.last().is_none_or(|row| row.search) {
            return;
        }
        let losses: Vec<f64> = epochs().map(|row| row.train.loss).collect();
        let (first, last) = (losses[0], losses[EPOCHS - 1]);
        if last > first - STILL * first.abs() {
            observer.says(&format!(
                "warning: the training loss has not moved down in {EPOCHS} epochs (from {first:.5} to {last:.5}). Usual causes: a learning rate that is \
                 much too low, or so high that the student is stuck; weights that are frozen (`student.freeze`); labels that do not belong to \
                 their images"
            ));
        }
    }
}
