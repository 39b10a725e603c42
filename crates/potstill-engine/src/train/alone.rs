//! Stages in which some methods have the student for themselves.

use potstill_methods::{PlannedMethod, StudentEpoch};

use super::learner::Learner;

impl Learner {
    /// The methods whose losses count in an epoch: all, or those alone that have it for themselves.
    pub(super) fn heard(&self, epoch: StudentEpoch) -> impl Iterator<Item = &PlannedMethod> {
        let is_alone = self.is_alone(epoch);
        let all = self.methods.iter();
        all.filter(move |planned| !is_alone || has_for_itself(planned, epoch))
    }

    /// Whether methods have an epoch for themselves, in which the task's loss does not count.
    pub(super) fn is_alone(&self, epoch: StudentEpoch) -> bool {
        self.methods.iter().any(|planned| has_for_itself(planned, epoch))
    }
}

/// Whether a method has an epoch for itself.
pub(super) fn has_for_itself(planned: &PlannedMethod, StudentEpoch(epoch): StudentEpoch) -> bool {
    epoch < planned.method.info().alone_epochs
}
