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

/// All epochs of a run. It holds the rounds only, so that its size does not grow with the epochs of the student.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    student: usize,
    rounds: Vec<Round>,
}

/// A round at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Round {
    /// The epoch of the run in which it begins.
    start: usize,
    /// Its first epoch.
    first: SearchEpoch,
}

impl Timeline {
    /// The student's `epochs`, and the rounds of every method's augmentation before the epochs that they name. A round that
    /// would come after the last epoch is left out.
    pub fn new(epochs: usize, methods: &[PlannedMethod]) -> Self {
        let rounds = methods.iter().map(|planned| planned.method.info().rounds);
        Self::of(epochs, rounds.enumerate())
    }

    fn of(student: usize, rounds: impl Iterator<Item = (usize, Vec<SearchRound>)>) -> Self {
        let mut all: Vec<(usize, SearchRound)> = rounds
            .flat_map(|(method, rounds)| rounds.into_iter().map(move |round| (method, round)))
            .filter(|(_, round)| round.before.0 < student && round.epochs > 0)
            .collect();
        // Stable: rounds of one method before one epoch keep their order.
        all.sort_by_key(|(method, round)| (round.before, *method));
        let mut ordinal = 0usize;
        let rounds = all.into_iter().map(|(method, SearchRound { before, epochs })| {
            let first = SearchEpoch {
                method,
                epoch: 0,
                epochs,
                ordinal,
                before,
            };
            let start = before.0.saturating_add(ordinal);
            ordinal = ordinal.saturating_add(epochs);
            Round { start, first }
        });
        let rounds = rounds.collect();
        Self { student, rounds }
    }

    /// How many epochs there are.
    pub fn len(&self) -> usize {
        self.student.saturating_add(self.searched(self.rounds.len()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An epoch; the last one beyond the end, `None` if there is none at all.
    pub fn at(&self, RunEpoch(epoch): RunEpoch) -> Option<EpochKind> {
        let epoch = epoch.min(self.len().checked_sub(1)?);
        let begun = self.rounds.partition_point(|round| round.start <= epoch);
        let last = begun.checked_sub(1).and_then(|at| self.rounds.get(at));
        Some(match last {
            Some(Round { start, first }) if epoch - start < first.epochs => {
                EpochKind::SearchRound(SearchEpoch {
                    epoch: epoch - start,
                    ordinal: first.ordinal + (epoch - start),
                    ..*first
                })
            }
            _ => EpochKind::Student {
                epoch: StudentEpoch(epoch - self.searched(begun)),
            },
        })
    }

    /// How many epochs the augmentation of the method with this index learns in.
    pub fn round_epochs(&self, index: usize) -> usize {
        let own = self.rounds().filter(|round| round.method == index);
        own.fold(0, |sum: usize, round| sum.saturating_add(round.epochs))
    }

    /// The first epoch of each round, in order.
    pub fn rounds(&self) -> impl Iterator<Item = SearchEpoch> {
        self.rounds.iter().map(|round| round.first)
    }

    /// The epochs of the first so many rounds.
    fn searched(&self, rounds: usize) -> usize {
        let last = rounds.checked_sub(1).and_then(|at| self.rounds.get(at));
        last.map_or(0, |round| round.first.ordinal.saturating_add(round.first.epochs))
    }
}

#[cfg(test)]
mod tests {
    use potstill_methods::{SearchRound, StudentEpoch};

    use super::{EpochKind, RunEpoch, SearchEpoch, Timeline};

    fn round(before: usize, epochs: usize) -> SearchRound {
        SearchRound {
            before: StudentEpoch(before),
            epochs,
        }
    }

    /// Each epoch as `s` with the student's epoch, or the method with the epoch and the ordinal of its round.
    fn told(timeline: &Timeline) -> Vec<String> {
        let kinds = (0..timeline.len()).filter_map(|epoch| timeline.at(RunEpoch(epoch)));
        let told = kinds.map(|kind| match kind {
            EpochKind::Student { epoch } => format!("s{}", epoch.0),
            EpochKind::SearchRound(SearchEpoch {
                method,
                epoch,
                ordinal,
                ..
            }) => format!("m{method}.{epoch}#{ordinal}"),
        });
        told.collect()
    }

    #[test]
    fn rounds_stand_before_the_epochs_that_they_name() {
        let rounds = [vec![round(1, 2), round(3, 1), round(4, 9)], vec![round(1, 1)]];
        let timeline = Timeline::of(4, rounds.into_iter().enumerate());
        assert_eq!(
            told(&timeline),
            ["s0", "m0.0#0", "m0.1#1", "m1.0#2", "s1", "s2", "m0.0#3", "s3"]
        );
        assert_eq!([0, 1, 2].map(|method| timeline.round_epochs(method)), [3, 1, 0]);
        assert_eq!(timeline.at(RunEpoch(99)), timeline.at(RunEpoch(7)));
        assert_eq!(Timeline::default().at(RunEpoch(0)), None);
    }

    #[test]
    fn a_thousand_million_epochs_take_no_memory() {
        let rounds = vec![round(5, 1_000_000_000)];
        let timeline = Timeline::of(1_000_000_000, std::iter::once((0, rounds)));
        assert_eq!(timeline.len(), 2_000_000_000);
        let last = EpochKind::Student {
            epoch: StudentEpoch(999_999_999),
        };
        assert_eq!(timeline.at(RunEpoch(1_999_999_999)), Some(last));
    }
}
