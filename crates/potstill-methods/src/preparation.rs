//! The work that a method has to do before the first step, and what it has to work with.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use potstill_base::{CacheEntry, CacheUser};
use potstill_data::Target;
use potstill_models::Outputs;
use potstill_ops::{Point, Taps};

use crate::MethodError;

/// How a preparation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// It is done.
    Done,
    /// It was asked to stop. What it has done so far is kept where it will find it again.
    Interrupted,
}

/// What the frozen teacher did with some training images.
pub struct TeacherBatch {
    /// The index of the first of these images in the training images.
    pub first: usize,
    /// What is known about them.
    pub targets: Vec<Target>,
    /// Which part of the height and width of each image of the batch is its own; the rest is padding.
    pub own: Vec<[f64; 2]>,
    /// What it gives.
    pub outputs: Outputs,
    /// The maps that were asked for.
    pub taps: Taps,
}

/// A batch of training images that a preparation trains something on.
pub struct TrainBatch {
    /// The step within the epoch, from 0.
    pub step: usize,
    /// Augmented images, pixels in `[0, 1]`, `[N, H, W, C]`, on the plain device.
    pub pixels: Tensor<4>,
    /// What is known about them.
    pub targets: Vec<Target>,
}

/// On what something that is prepared depends; it is kept for whatever run has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKey {
    /// The training images and how they are augmented.
    Data,
    /// The training images and the teacher.
    TeacherAndData,
}

/// Goes on, or stops.
pub type Flow = Result<ControlFlow<()>, MethodError>;

/// The training images, the teacher and a cache, as a preparation may use them.
pub trait PrepareContext {
    /// Whether nothing is to be prepared: the method then takes drawn values of the same shapes instead of what it would find, so that
    /// the cost of a step can be measured. No run asks for it.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// Where to compute: the plain device.
    fn device(&self) -> Device;

    /// How many training images there are.
    fn images(&self) -> usize;

    /// How many classes they have.
    fn classes(&self) -> usize;

    /// Shows what the frozen teacher does with every training image from the index `first` on: in order, not augmented, none
    /// left out.
    ///
    /// # Errors
    /// No teacher, an image that cannot be read, whatever `on_batch` says.
    fn for_each_teacher_batch(
        &mut self,
        points: &[Point],
        first: usize,
        on_batch: &mut dyn FnMut(TeacherBatch) -> Flow,
    ) -> Result<(), MethodError>;

    /// Shows full batches of `size` augmented training images, in the shuffled order of `epoch`, from the step `first` on.
    ///
    /// # Errors
    /// An image that cannot be read, whatever `on_batch` says.
    fn for_each_train_batch(
        &mut self,
        epoch: u64,
        first: usize,
        size: usize,
        on_batch: &mut dyn FnMut(TrainBatch) -> Flow,
    ) -> Result<(), MethodError>;

    /// The entry of the cache for what is called `name` and depends on this and on these settings. It may have been made by
    /// another run.
    ///
    /// # Errors
    /// The cache cannot be made, an image cannot be read.
    fn cache_entry(&mut self, name: &str, key: CacheKey, settings: &str) -> Result<CacheEntry, MethodError>;

    /// Tells how far something has come.
    fn progress(&mut self, what: &str, done: usize, of: usize);

    /// Tells something in a line.
    fn message(&mut self, line: &str);

    /// Whether it should stop.
    fn should_stop(&self) -> bool;
}

impl CacheUser for dyn PrepareContext + '_ {
    fn message(&mut self, line: &str) {
        PrepareContext::message(self, line);
    }

    fn should_stop(&self) -> bool {
        PrepareContext::should_stop(self)
    }
}
