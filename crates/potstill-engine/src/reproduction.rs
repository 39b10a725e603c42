//! A run once more, beside what is left of the first time.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use potstill_metrics::Metrics;
use potstill_models::weights::StoredTensor;
use potstill_report::{EpochRow, IndexMap, read_metrics};

use crate::{
    checkpoint::{Checkpoint, Position},
    error::EngineError,
    observer::{EpochProgress, Observer, StepProgress},
    origin::Origin,
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

/// What came of a run that was done once more.
#[derive(Debug)]
pub struct Reproduced {
    /// The first difference, if there is one.
    pub difference: Option<Difference>,
    /// Epochs whose every number was the same.
    pub same: usize,
    /// Epochs whose every tensor was the same, because their checkpoints are left of the first time.
    pub compared: usize,
    /// The epochs that the run has.
    pub epochs: usize,
    /// Whether everything that is left of the first time was compared.
    pub is_complete: bool,
}

/// Watches a run that is done once more, and stops it at the first epoch that is not what it was, or after the last one of which something
/// is left to compare with.
pub struct Reproduction<'a> {
    rows: Vec<EpochRow>,
    /// The checkpoints that are left of the first time, by the position that they are of.
    checkpoints: BTreeMap<Position, PathBuf>,
    /// What the first run learned from, as one of its checkpoints says.
    origin: Option<Origin>,
    again: RunFolder,
    observer: &'a mut dyn Observer,
    stop: Arc<AtomicBool>,
    /// The last epoch of which something is left.
    last: usize,
    found: Reproduced,
    error: Option<EngineError>,
}

impl<'a> Reproduction<'a> {
    /// Compares with the run in `first` what comes about in the folder `again`, which need not be there yet; `stop` is that of the run.
    ///
    /// # Errors
    /// The first run has no metrics, a checkpoint that cannot be listed, or nothing of any epoch.
    pub fn new(
        first: &RunFolder,
        again: &Path,
        observer: &'a mut dyn Observer,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, EngineError> {
        let rows = read_metrics(first.metrics())?;
        let mut checkpoints: BTreeMap<_, _> = first.kept()?.into_iter().collect();
        let mut origin = None;
        for path in [first.best(), first.last()] {
            if let Ok((state, _)) = Checkpoint::read(&path) {
                checkpoints.insert(state.position, path);
                origin = state.origin.or(origin);
            }
        }
        // What is in the middle of an epoch has nothing to stand beside.
        checkpoints.retain(|position, _| position.step == 0 && position.epoch.0 > 0);
        let saved = checkpoints.keys().map(|position| position.epoch.0);
        let Some(last) = rows.iter().map(|row| row.epoch).chain(saved).max() else {
            return Err(EngineError::NothingToCompare(first.path().into()));
        };
        Ok(Self {
            rows,
            checkpoints,
            origin,
            again: RunFolder::at(again),
            observer,
            stop,
            last,
            found: Reproduced {
                difference: None,
                same: 0,
                compared: 0,
                epochs: 0,
                is_complete: false,
            },
            error: None,
        })
    }

    /// What was found, or what kept it from being found.
    ///
    /// # Errors
    /// A checkpoint that cannot be read.
    pub fn finish(self) -> Result<Reproduced, EngineError> {
        self.error.map_or(Ok(self.found), Err)
    }

    fn compare(&mut self, row: &EpochRow) -> Result<(), EngineError> {
        let first = self.rows.iter().find(|first| first.epoch == row.epoch);
        let is_known = first.is_some();
        let number = first.and_then(|first| other_number(first, row));
        let position = Position {
            epoch: RunEpoch(row.epoch),
            step: 0,
        };
        let mut tensor = None;
        if let Some(path) = self.checkpoints.get(&position) {
            let (then, first) = Checkpoint::read(path)?;
            let (_, again) = Checkpoint::read(&self.again.last())?;
            tensor = other_tensor(&first, &again);
            self.origin = self.origin.take().or(then.origin);
            self.found.compared += usize::from(tensor.is_none());
        }
        if number.is_none() && tensor.is_none() {
            self.found.same += usize::from(is_known);
            return Ok(());
        }
        self.found.difference = Some(Difference {
            epoch: row.epoch,
            number,
            tensor,
            causes: self.causes()?,
        });
        Ok(())
    }

    /// What the second run does not learn from as the first one did.
    fn causes(&self) -> Result<Vec<String>, EngineError> {
        let Some(then) = &self.origin else {
            return Ok(Vec::new());
        };
        let (now, _) = Checkpoint::read(&self.again.last())?;
        let causes = now
            .origin
            .map(|now| [then.difference(&now), then.version_note(&now)]);
        Ok(causes.into_iter().flatten().flatten().collect())
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
        self.found.epochs = epoch.epochs;
        if self.found.difference.is_none() && self.error.is_none() {
            self.error = self.compare(epoch.row).err();
        }
        self.found.is_complete |= epoch.row.epoch >= self.last;
        if self.found.is_complete || self.found.difference.is_some() || self.error.is_some() {
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
        let named = |what: &str, numbers: &IndexMap<String, f64>| -> Vec<(String, f64)> {
            let numbers = numbers.iter();
            numbers
                .map(|(name, value)| (format!("{what}{name}"), *value))
                .collect()
        };
        all.extend(named("", &row.train.terms));
        all.extend(named("weight of ", &row.train.weights));
        all.extend(named("", &row.notes));
        let measured = [
            ("train", Some(&row.train.metrics)),
            ("validation", row.validation.as_ref()),
            ("test", row.test.as_ref()),
        ];
        let teachers = row
            .teachers
            .iter()
            .map(|(name, metrics)| (name.as_str(), Some(metrics)));
        for (name, metrics) in measured.into_iter().chain(teachers) {
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
