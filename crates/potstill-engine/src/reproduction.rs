//! A run once more, beside what is left of the first time.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use potstill_metrics::Metrics;
use potstill_models::weights::StoredTensor;
use potstill_report::{EpochRow, read_metrics};

use crate::{
    checkpoint::{Checkpoint, Position},
    error::EngineError,
    observer::{EpochProgress, Observer, StepProgress},
    plan::timeline::RunEpoch,
    run_folder::RunFolder,
};

/// The first thing in which a run that is done once more is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The epoch, from 1.
    pub epoch: usize,
    /// A number of the epoch's row, with what it was and is; `None` if all are the same.
    pub number: Option<String>,
    /// The first tensor, by name, that is another after that epoch; `None` if all are the same, or no checkpoint of it is kept.
    pub tensor: Option<String>,
    /// Other images, teachers, or another version, that explain it.
    pub causes: Vec<String>,
}

/// Watches a run that is done once more, and stops it at the first epoch that is not what it was.
pub struct Reproduction<'a> {
    rows: Vec<EpochRow>,
    /// The checkpoints that are left of the first time, by the position that they are of.
    checkpoints: BTreeMap<Position, PathBuf>,
    again: RunFolder,
    observer: &'a mut dyn Observer,
    stop: Arc<AtomicBool>,
    /// What was found.
    pub found: Option<Difference>,
    /// Epochs that were the same.
    pub same: usize,
    /// How many of them had a checkpoint, so that every tensor was compared.
    pub compared: usize,
    error: Option<EngineError>,
}

impl<'a> Reproduction<'a> {
    /// Compares with the run in `first` what comes about in `again`; `stop` is that of the run.
    ///
    /// # Errors
    /// The first run has no metrics, or a checkpoint that cannot be listed.
    pub fn new(
        first: &RunFolder,
        again: RunFolder,
        observer: &'a mut dyn Observer,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, EngineError> {
        let rows = read_metrics(first.metrics())?;
        let mut checkpoints: BTreeMap<_, _> = first.kept()?.into_iter().collect();
        for path in [first.best(), first.last()] {
            if let Ok((state, _)) = Checkpoint::read(&path) {
                checkpoints.insert(state.position, path);
            }
        }
        Ok(Self {
            rows,
            checkpoints,
            again,
            observer,
            stop,
            found: None,
            same: 0,
            compared: 0,
            error: None,
        })
    }

    /// What was found, or what kept it from being found.
    ///
    /// # Errors
    /// A checkpoint that cannot be read.
    pub fn finish(self) -> Result<(Option<Difference>, usize, usize), EngineError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok((self.found, self.same, self.compared)),
        }
    }

    fn compare(&mut self, row: &EpochRow) -> Result<(), EngineError> {
        let number = self
            .rows
            .iter()
            .find(|first| first.epoch == row.epoch)
            .and_then(|first| other_number(first, row));
        let position = Position {
            epoch: RunEpoch(row.epoch),
            step: 0,
        };
        let (mut tensor, mut causes) = (None, Vec::new());
        if let Some(path) = self.checkpoints.get(&position) {
            let (then, first) = Checkpoint::read(path)?;
            let (now, again) = Checkpoint::read(&self.again.last())?;
            tensor = other_tensor(&first, &again);
            if let (Some(then), Some(now)) = (&then.origin, &now.origin) {
                causes.extend(then.difference(now));
                causes.extend(then.version_note(now));
            }
            self.compared += 1;
        }
        if number.is_none() && tensor.is_none() {
            self.same += 1;
            return Ok(());
        }
        self.found = Some(Difference {
            epoch: row.epoch,
            number,
            tensor,
            causes,
        });
        Ok(())
    }
}

impl Observer for Reproduction<'_> {
    fn step(&mut self, step: &StepProgress<'_>) {
        self.observer.step(step);
    }

    fn preparing(&mut self, what: &str, done: usize, of: usize) {
        self.observer.preparing(what, done, of);
    }

    fn says(&mut self, line: &str) {
        self.observer.says(line);
    }

    fn epoch(&mut self, epoch: &EpochProgress<'_>) {
        self.observer.epoch(epoch);
        if self.found.is_none() && self.error.is_none() {
            self.error = self.compare(epoch.row).err();
        }
        if self.found.is_some() || self.error.is_some() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The first number, besides times, in which two rows of an epoch differ.
fn other_number(first: &EpochRow, again: &EpochRow) -> Option<String> {
    let numbers = |row: &EpochRow| {
        let mut all = vec![
            ("lr".to_owned(), row.lr),
            ("train loss".to_owned(), row.train.loss),
        ];
        all.extend(row.train.terms.iter().map(|(name, value)| (name.clone(), *value)));
        let measured = [
            ("train", Some(&row.train.metrics)),
            ("validation", row.validation.as_ref()),
            ("test", row.test.as_ref()),
        ];
        for (name, metrics) in measured {
            let metrics = metrics.into_iter().flat_map(Metrics::iter);
            all.extend(metrics.map(|(key, value)| (format!("{name} {key}"), value)));
        }
        all
    };
    let (first, again) = (numbers(first), numbers(again));
    let known: BTreeMap<&String, f64> = again.iter().map(|(name, value)| (name, *value)).collect();
    first.iter().find_map(|(name, was)| {
        let is = known.get(name).copied().unwrap_or(f64::NAN);
        // What a program does not know is in both as no number.
        let same = was.to_bits() == is.to_bits() || (was.is_nan() && is.is_nan());
        (!same).then(|| format!("{name} was {was} and is {is}"))
    })
}

/// The first tensor by name in which two checkpoints differ in a bit.
fn other_tensor(
    first: &BTreeMap<String, StoredTensor>,
    again: &BTreeMap<String, StoredTensor>,
) -> Option<String> {
    let is_same = |name: &String, stored: &StoredTensor| {
        let bits = |stored: &StoredTensor| {
            stored
                .values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        again
            .get(name)
            .is_some_and(|other| other.shape == stored.shape && bits(other) == bits(stored))
    };
    // What the student learned comes before what the optimizer noted of it.
    let (optimizer, parts): (Vec<_>, Vec<_>) =
        first.iter().partition(|(name, _)| name.starts_with("optimizer/"));
    let mut ordered = parts.into_iter().chain(optimizer);
    ordered
        .find(|(name, stored)| !is_same(name, stored))
        .map(|(name, _)| name.clone())
}
