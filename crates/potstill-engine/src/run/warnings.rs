//! Words before much time is spent on what cannot succeed.

use potstill_base::quoted;
use potstill_recipe::TaskKind;

use super::Run;
use crate::{error::EngineError, observer::Observer, teacher_exam::shown};

/// So many classes are named.
const NAMED: usize = 5;
/// After so many epochs it is asked whether the loss moves.
const EPOCHS: usize = 3;
/// A loss that has come down by less than this part of itself has not.
const STILL: f64 = 0.01;

impl Run {
    /// Says which classes no training image shows, and that there is but one to tell apart.
    pub(super) fn warn_of_classes(&self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let train = self.spec.data.train.as_ref();
        let counts = shown(train)?;
        // Images without labels show none.
        if counts.iter().all(|count| *count == 0) {
            return Ok(());
        }
        let names = train.classes().iter().zip(&counts);
        let empty: Vec<&str> = names
            .filter(|(_, count)| **count == 0)
            .map(|(name, _)| name.as_str())
            .collect();
        if !empty.is_empty() {
            let more = match empty.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            observer.says(&format!(
                "warning: no training image shows {}{more}: the student cannot learn what that is",
                quoted(empty.iter().take(NAMED).copied())
            ));
        }
        if let ([only], true) = (train.classes(), self.spec.task.kind() == TaskKind::Classification) {
            observer.says(&format!(
                "warning: all images are of the one class `{only}`: there is nothing to tell apart"
            ));
        }
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
