//! The epochs of a run in their order: those of the student, and between them the rounds in which an augmentation learns.

use potstill_methods::{PlannedMethod, SearchRound, StudentEpoch};
use serde::{Deserialize, Serialize};

/// An epoch of a run, from 0: the student's and those of the rounds, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunEpoch(pub usize);

/// One epoch of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochKind {
    /// The student trains.
    Student {
        /// Its epoch.
        epoch: StudentEpoch,
    },
    /// An augmentation trains, the student does not.
    SearchRound(SearchEpoch),
}

/// An epoch of a round in which an augmentation trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchEpoch {
    /// The index of its method.
    pub method: usize,
    /// The epoch of the round, from 0.
    pub epoch: usize,
    /// Epochs of the round.
    pub epochs: usize,
    /// The epoch of all rounds of the run, from 0.
    pub ordinal: usize,
    /// The student's epoch that comes after the round.
    pub before: StudentEpoch,
}

impl SearchEpoch {
    /// Whether the round ends with it.
    pub fn is_last(&self) -> bool {
        self.epoch + 1 == self.epochs
    }
}

/// All epochs of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline(Vec<EpochKind>);

impl Timeline {
    /// The student's `epochs`, and the rounds of every method's augmentation before the epochs that they name. A round that
    /// would come after the last epoch is left out.
    pub fn new(epochs: usize, methods: &[PlannedMethod]) -> Self {
        let rounds = methods.iter().map(|planned| planned.method.info().rounds);
        let rounds: Vec<Vec<SearchRound>> = rounds.collect();
        let (mut kinds, mut ordinal) = (Vec::new(), 0);
        for before in (0..epochs).map(StudentEpoch) {
            for (method, rounds) in rounds.iter().enumerate() {
                for round in rounds.iter().filter(|round| round.before == before) {
                    for epoch in 0..round.epochs {
                        kinds.push(EpochKind::SearchRound(SearchEpoch {
                            method,
                            epoch,
                            epochs: round.epochs,
                            ordinal,
                            before,
                        }));
                        ordinal += 1;
                    }
                }
            }
            kinds.push(EpochKind::Student { epoch: before });
        }
        Self(kinds)
    }

    /// How many epochs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An epoch; the last one beyond the end, `None` if there is none at all.
    pub fn at(&self, RunEpoch(epoch): RunEpoch) -> Option<EpochKind> {
        self.0.get(epoch).or(self.0.last()).copied()
    }

    /// How many epochs the augmentation of the method with this index learns in.
    pub fn round_epochs(&self, index: usize) -> usize {
        let of_method =
            |kind: &&EpochKind| matches!(kind, EpochKind::SearchRound(search) if search.method == index);
        self.0.iter().filter(of_method).count()
    }

    /// The epochs in order.
    pub fn kinds(&self) -> &[EpochKind] {
        &self.0
    }
}
