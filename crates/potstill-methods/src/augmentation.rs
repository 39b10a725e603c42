//! An augmentation that learns: in rounds of its own, between the student's epochs, it looks for images that teach.

use burn::tensor::Tensor;
use potstill_models::Outputs;
use potstill_random::Stream;
use potstill_recipe::OptimizerSpec;
use potstill_tasks::Targets;

use crate::{LossTerm, MethodError};

/// What both networks make of augmented images, while the augmentation learns. Both are frozen, in evaluation mode; gradients
/// go through them to the images.
pub struct SearchOutputs<'a> {
    /// The student's, tracked.
    pub student: &'a Outputs,
    /// The teacher's, tracked.
    pub teacher: &'a Outputs,
    /// What is known about each image.
    pub targets: &'a Targets,
}

/// An augmentation of a method. What it learns is the method's part of [`OptimizerGroup::Search`](crate::OptimizerGroup::Search), when
/// it learns is in [`MethodInfo::rounds`](crate::MethodInfo::rounds), and of rounds it hears by [`Event`](crate::Event)s.
///
/// In the student's epochs every batch is doubled: the augmented images, then the clean ones, go through the student in one
/// pass, and through the teacher, and every listed method learns from both.
pub trait LearnedAugmentation {
    /// New images, `[N, H, W, C]` as `pixels` in `[0, 1]`, by draws from `stream`: with a graph back to its modules if it `learns`,
    /// and without if not. An autodiff graph without a backward pass is never freed.
    fn augment(&self, pixels: Tensor<4>, stream: &mut Stream, learns: bool) -> Tensor<4>;

    /// What it minimises.
    ///
    /// # Errors
    /// Outputs that it cannot work with.
    fn terms(&self, outputs: &SearchOutputs<'_>) -> Result<Vec<LossTerm>, MethodError>;

    /// The rule of a step, which begins anew in each round.
    fn optimizer(&self) -> OptimizerSpec;

    /// The present learning rate.
    fn rate(&self) -> f64;

    /// What it has learned, by name, for the metrics of every epoch.
    fn metrics(&self) -> Vec<(String, f64)>;

    /// How many images are to be drawn before and after it, at the end of each round; 0 for no picture.
    fn preview_images(&self) -> usize {
        0
    }
}
