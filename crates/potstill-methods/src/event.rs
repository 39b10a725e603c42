//! What happens between the steps of a run.

use potstill_models::Model;

use crate::StudentEpoch;

/// Something that a method may react to.
#[non_exhaustive]
pub enum Event<'a> {
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
