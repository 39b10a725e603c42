//! An augmentation that learns: in rounds of its own, between the student's epochs, it looks for images that teach.

use burn::tensor::Tensor;
use potstill_models::Outputs;
use potstill_random::Stream;
use potstill_recipe::OptimizerSpec;
use potstill_tasks::{Targets, Task, TermContext};

use crate::{LossTerm, MethodError};

/// Images that an augmentation made.
#[derive(Debug, Clone)]
pub struct Augmented {
    /// Pixels, `[N, H, W, C]`.
    pub pixels: Tensor<4>,
    /// Where each new place takes its colour from, `[N, 2, 3]` on the plain device, in coordinates from -1 to 1 between the edges of the images: by
    /// these, targets that have places are moved. `None` if nothing is moved.
    pub maps: Option<Tensor<3>>,
}

impl Augmented {
    /// Images in which everything is where it was.
    pub fn in_place(pixels: Tensor<4>) -> Self {
        Self { pixels, maps: None }
    }
}

/// What both networks make of augmented images, while the augmentation learns. Both are frozen, in evaluation mode; gradients
/// go through them to the images.
pub struct SearchOutputs<'a> {
    /// The student's, tracked.
    pub student: &'a Outputs,
    /// The teacher's, tracked.
    pub teacher: &'a Outputs,
    /// What is known about each image, moved as the images were.
    pub targets: &'a Targets,
    /// What the networks are trained for.
    pub task: &'a dyn Task,
    /// The step.
    pub context: TermContext<'a>,
}

/// An augmentation of a method. What it learns is the method's part of [`OptimizerGroup::Search`](crate::OptimizerGroup::Search), when
/// it learns is in [`MethodInfo::rounds`](crate::MethodInfo::rounds), and of rounds it hears by [`Event`](crate::Event)s.
///
/// In the student's epochs every batch is doubled: the augmented images, then the clean ones, go through the student in one
/// pass, and through the teacher, and every listed method learns from both.
pub trait LearnedAugmentation {
    /// New images, `[N, H, W, C]` as `pixels` in `[0, 1]`, by draws from `stream`: with a graph back to its modules if it `learns`,
    /// and without if not. An autodiff graph without a backward pass is never freed.
    fn augment(&self, pixels: Tensor<4>, stream: &mut Stream, learns: bool) -> Augmented;

    /// What it minimises.
    ///
    /// # Errors
    /// Outputs that it cannot work with.
    fn terms(&self, outputs: &SearchOutputs<'_>) -> Result<Vec<LossTerm>, MethodError>;

    /// The rule of a step, which begins anew in each round.
    fn optimizer(&self) -> OptimizerSpec;

    /// The present learning rate.
    fn rate(&self) -> f64;

    /// The largest norm of its gradients together; longer ones are shortened.
    fn clip_norm(&self) -> Option<f64> {
        None
    }

    /// What it has learned, by name, for the metrics of every epoch.
    fn metrics(&self) -> Vec<(String, f64)>;

    /// How many images are to be drawn before and after it, at the end of each round; 0 for no picture.
    fn preview_images(&self) -> usize {
        0
    }
}
