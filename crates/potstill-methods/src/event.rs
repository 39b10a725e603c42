//! What happens in a run, step by step.

use potstill_models::Model;

use crate::{Moment, StudentEpoch};

/// Something that a method may react to.
#[non_exhaustive]
pub enum Event<'a> {
    /// A step of the student has ended.
    StepEnd {
        /// The step.
        at: Moment,
        /// The student after it.
        student: &'a Model,
    },
    /// An epoch of the student has ended.
    EpochEnd {
        /// The epoch.
        epoch: StudentEpoch,
        /// The student after its last step.
        student: &'a Model,
    },
    /// A round of this method's augmentation begins.
    RoundStart,
    /// An epoch of such a round has ended.
    RoundEpochEnd {
        /// The mean of its loss.
        loss: f64,
    },
}
