//! An augmentation that learns: in rounds of its own, between the student's epochs, it looks for images that teach.

use burn::tensor::{Int, Tensor};
use potstill_ops::Parameters;
use potstill_random::Stream;
use potstill_recipe::OptimizerSpec;

use crate::LossTerm;

/// A stretch of epochs in which an augmentation learns, and the student does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchRound {
    /// It comes before this epoch of the student, from 0.
    pub before: usize,
    /// How many times it goes through the training images.
    pub epochs: usize,
}

/// What both networks make of augmented images, while the augmentation learns. Both are frozen, in evaluation mode; gradients
/// go through them to the images.
pub struct SearchOutputs<'a> {
    /// The student's logits `[N, K]`, tracked.
    pub student: &'a Tensor<2>,
    /// The teacher's, tracked.
    pub teacher: &'a Tensor<2>,
    /// Class indices `[N]`.
    pub labels: &'a Tensor<1, Int>,
}

/// An augmentation of a method.
///
/// In the student's epochs every batch is doubled: the augmented images, then the clean ones, go through the student in one
/// pass, and through the teacher, and every listed method learns from both.
pub trait Augmentation {
    /// New images, `[N, H, W, C]` as `pixels` in `[0, 1]`, by draws from `stream`: with a graph back to its modules if it `learns`,
    /// and without if not. An autodiff graph without a backward pass is never freed.
    fn augment(&self, pixels: Tensor<4>, stream: &mut Stream, learns: bool) -> Tensor<4>;

    /// When it learns.
    fn rounds(&self) -> Vec<SearchRound>;

    /// What it learns.
    fn modules(&self) -> &dyn Parameters;

    /// The same, to be trained.
    fn modules_mut(&mut self) -> &mut dyn Parameters;

    /// The rule of a step, which begins anew in each round.
    fn optimizer(&self) -> OptimizerSpec;

    /// The present learning rate.
    fn rate(&self) -> f64;

    /// What it minimises.
    fn terms(&self, trial: &SearchOutputs<'_>) -> Vec<LossTerm>;

    /// Called when a round begins.
    fn begin_round(&mut self);

    /// Called after each epoch of a round, with the mean of its loss.
    fn end_epoch(&mut self, loss: f64);

    /// What it has learned, by name, for the metrics of every epoch.
    fn notes(&self) -> Vec<(String, f64)>;

    /// What a checkpoint needs besides the modules, as text.
    fn state(&self) -> String;

    /// Restores the state of a checkpoint.
    ///
    /// # Errors
    /// The text is not its state.
    fn load_state(&mut self, state: &str) -> Result<(), String>;

    /// How many images are to be drawn before and after it, at the end of each round; none for no picture.
    fn preview_images(&self) -> usize {
        0
    }
}
