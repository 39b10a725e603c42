//! The clock of the student.

use serde::{Deserialize, Serialize};

/// An epoch of the student's training, from 0. Epochs in which an augmentation learns are not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StudentEpoch(pub usize);

impl StudentEpoch {
    /// The factor of a weight that grows linearly from 0 over so many epochs; 1 for a ramp of none.
    pub fn ramp(self, epochs: usize) -> f64 {
        match epochs {
            0 => 1.0,
            epochs => (self.0 as f64 / epochs as f64).min(1.0),
        }
    }

    /// The same counted from 1, as the programs of most methods of logits count: the first epoch has `1 / epochs`, the last of them all of it.
    pub fn warm_up(self, epochs: usize) -> f64 {
        match epochs {
            0 => 1.0,
            epochs => ((self.0 + 1) as f64 / epochs as f64).min(1.0),
        }
    }
}

/// A step of the student's training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Its epoch.
    pub epoch: StudentEpoch,
    /// The step in the epoch, from 0.
    pub step: usize,
}
