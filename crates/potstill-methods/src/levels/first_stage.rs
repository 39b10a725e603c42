//! A first stage of the training, in which one method has the student for itself.

use crate::{MethodError, PlanContext, StudentEpoch};

/// Epochs from the first on in which neither the task's loss nor other methods count; none of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FirstStage {
    epochs: usize,
    /// How many epochs it has as published, where it has some and the recipe does not.
    published: Option<usize>,
}

impl FirstStage {
    /// A stage of so many epochs.
    ///
    /// # Errors
    /// [`MethodError::NoSecondStage`] where nothing comes after it.
    pub fn plan(
        method: &'static str,
        epochs: usize,
        published: Option<usize>,
        context: &PlanContext,
    ) -> Result<Self, MethodError> {
        if epochs > 0 && epochs >= context.epochs {
            return Err(MethodError::NoSecondStage {
                method,
                stage: epochs,
                epochs: context.epochs,
            });
        }
        Ok(Self {
            epochs,
            published: published.filter(|_| epochs == 0),
        })
    }

    /// How many epochs it has.
    pub fn epochs(self) -> usize {
        self.epochs
    }

    /// Whether an epoch comes after it.
    pub fn is_over(self, epoch: StudentEpoch) -> bool {
        self.epochs > 0 && epoch.0 >= self.epochs
    }

    /// What has to be said of it before the first step.
    pub fn note(self) -> Option<String> {
        if self.epochs > 0 {
            return Some(format!(
                "the first {} epochs are its own: neither the task's loss nor another method's counts in them",
                self.epochs
            ));
        }
        let published = self.published?;
        Some(format!(
            "it counts in all epochs beside the task's loss, which is not the published procedure: that has a first stage, \
             `stage1_epochs = {published}` on top of the others"
        ))
    }
}
