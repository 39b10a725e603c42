//! Which epochs are remembered and which review.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Moment, StudentEpoch};

/// Virtual epochs of a training that is counted in steps: as many as the published training has epochs.
const VIRTUAL_EPOCHS: usize = 240;

/// An epoch of the schedule, from 0: one of the student, or a virtual one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReviewEpoch(pub usize);

/// What an epoch of the schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewClock {
    /// An epoch of the student.
    Epochs,
    /// A virtual epoch: so many steps, wherever the student's epochs end.
    Steps {
        /// Steps of a virtual epoch, at least 1.
        length: usize,
        /// Steps of an epoch of the student.
        per_epoch: usize,
    },
}

impl ReviewClock {
    /// Virtual epochs of a 240th of the steps, but of no less than one: 750 steps where there are 180,000.
    pub fn virtual_epochs(epochs: usize, per_epoch: usize) -> Self {
        Self::Steps {
            length: (epochs.saturating_mul(per_epoch) / VIRTUAL_EPOCHS).max(1),
            per_epoch,
        }
    }

    /// How many epochs the schedule has where the student has so many. The last may be cut short.
    pub fn epochs(self, student: usize) -> usize {
        match self {
            Self::Epochs => student,
            Self::Steps { length, per_epoch } => student.saturating_mul(per_epoch).div_ceil(length),
        }
    }

    /// The epoch in which the step is.
    pub fn epoch(self, at: Moment) -> ReviewEpoch {
        match self {
            Self::Epochs => ReviewEpoch(at.epoch.0),
            Self::Steps { length, per_epoch } => ReviewEpoch(steps_before(at, per_epoch) / length),
        }
    }

    /// The virtual epoch whose last step this is; none of another step, and none where epochs are the student's.
    pub fn ended_by(self, at: Moment) -> Option<ReviewEpoch> {
        match self {
            Self::Epochs => None,
            Self::Steps { length, per_epoch } => {
                let done = steps_before(at, per_epoch).saturating_add(1);
                done.is_multiple_of(length)
                    .then(|| ReviewEpoch(done / length - 1))
            }
        }
    }

    /// The epochs that have a step in this epoch of the student.
    pub fn within(self, StudentEpoch(epoch): StudentEpoch) -> Range<usize> {
        let next = epoch.saturating_add(1);
        match self {
            Self::Epochs => epoch..next,
            Self::Steps { length, per_epoch } => {
                let [first, end] = [epoch, next].map(|epoch| epoch.saturating_mul(per_epoch));
                first / length..end.div_ceil(length)
            }
        }
    }
}

/// Steps of the training before this one, in epochs of so many.
fn steps_before(at: Moment, per_epoch: usize) -> usize {
    at.epoch.0.saturating_mul(per_epoch).saturating_add(at.step)
}

/// What an epoch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochRole {
    /// The student at its end is kept in this slot, the oldest of a cycle in slot 0.
    Memory(usize),
    /// The kept students are compared with the present one, in every step.
    Review,
    /// Neither.
    General,
}

/// Every `interval`-th epoch is a node. A cycle of nodes is one memory for each slot, then a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewSchedule {
    /// What an epoch is.
    pub clock: ReviewClock,
    /// Epochs from node to node, at least 1.
    pub interval: usize,
    /// Slots, at least 1.
    pub slots: usize,
}

impl ReviewSchedule {
    /// The interval for this many epochs: 5 for the published 240, and as many cycles for others (our
    /// design).
    pub fn interval_for(epochs: usize) -> usize {
        (epochs as f64 / 48.0).round().max(1.0) as usize
    }

    /// What the epoch is for.
    pub fn role(&self, ReviewEpoch(epoch): ReviewEpoch) -> EpochRole {
        if !epoch.is_multiple_of(self.interval) {
            return EpochRole::General;
        }
        match epoch / self.interval % (self.slots + 1) {
            node if node < self.slots => EpochRole::Memory(node),
            _ => EpochRole::Review,
        }
    }

    /// What the epoch is for in which the step is.
    pub fn role_at(&self, at: Moment) -> EpochRole {
        self.role(self.clock.epoch(at))
    }

    /// Whether a step of this epoch of the student reviews.
    pub fn reviews_in(&self, epoch: StudentEpoch) -> bool {
        let mut epochs = self.clock.within(epoch).map(ReviewEpoch);
        epochs.any(|epoch| self.role(epoch) == EpochRole::Review)
    }

    /// The first epoch that reviews.
    pub fn first_review(&self) -> ReviewEpoch {
        ReviewEpoch(self.interval.saturating_mul(self.slots))
    }
}
