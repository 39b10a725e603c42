//! The epochs of a run in their order: those of the student, and between them the rounds in which an augmentation learns.

use potstill_methods::{PlannedMethod, SearchRound};

/// One epoch of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochKind {
    /// The student trains.
    Student {
        /// Its epoch, from 0.
        epoch: usize,
    },
    /// An augmentation trains, the student does not.
    SearchRound {
        /// The index of its method.
        method: usize,
        /// The epoch of the round, from 0.
        epoch: usize,
        /// Epochs of the round.
        epochs: usize,
        /// The epoch of all rounds of the run, from 0.
        ordinal: usize,
        /// The student's epoch that comes after the round, from 0.
        before: usize,
    },
}

/// All epochs of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline(Vec<EpochKind>);

impl Timeline {
    /// The student's `epochs`, and the rounds of every method's augmentation before the epochs that they name. A round that
    /// would come after the last epoch teaches nobody and is left out.
    pub fn new(epochs: usize, methods: &[PlannedMethod]) -> Self {
        let rounds = methods.iter().map(|planned| planned.method.info().rounds);
        let rounds: Vec<Vec<SearchRound>> = rounds.collect();
        let (mut slots, mut ordinal) = (Vec::new(), 0);
        for before in 0..epochs {
            for (method, rounds) in rounds.iter().enumerate() {
                for round in rounds.iter().filter(|round| round.before.0 == before) {
                    for epoch in 0..round.epochs {
                        slots.push(EpochKind::SearchRound {
                            method,
                            epoch,
                            epochs: round.epochs,
                            ordinal,
                            before,
                        });
                        ordinal += 1;
                    }
                }
            }
            slots.push(EpochKind::Student { epoch: before });
        }
        Self(slots)
    }

    /// How many epochs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The epoch with this index; the last one beyond the end.
    pub fn at(&self, index: usize) -> Option<EpochKind> {
        self.0.get(index).or(self.0.last()).copied()
    }

    /// How many epochs the augmentation of this method learns in.
    pub fn round_epochs(&self, index: usize) -> usize {
        let rounds = self
            .0
            .iter()
            .filter(|slot| matches!(slot, EpochKind::SearchRound { method, .. } if *method == index));
        rounds.count()
    }

    /// The epochs in order.
    pub fn slots(&self) -> &[EpochKind] {
        &self.0
    }
}
