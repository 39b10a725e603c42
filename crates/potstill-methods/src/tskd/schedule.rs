//! Which epochs are remembered and which review.

use crate::StudentEpoch;

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
    pub fn role(&self, StudentEpoch(epoch): StudentEpoch) -> EpochRole {
        if !epoch.is_multiple_of(self.interval) {
            return EpochRole::General;
        }
        match epoch / self.interval % (self.slots + 1) {
            node if node < self.slots => EpochRole::Memory(node),
            _ => EpochRole::Review,
        }
    }

    /// The first epoch that reviews.
    pub fn first_review(&self) -> StudentEpoch {
        StudentEpoch(self.interval * self.slots)
    }
}
