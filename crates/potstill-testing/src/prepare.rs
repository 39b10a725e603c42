//! What a method prepares with, without images and networks: batches by formula, a cache in a folder, and a stop at will.

use std::{
    cell::Cell,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use potstill_base::{CacheEntry, Digest};
use potstill_methods::{CacheKey, Flow, MethodError, PrepareContext, TeacherBatch, TrainBatch};
use potstill_ops::Point;

/// What a teacher does with these images.
pub type TeacherBatches = Box<dyn Fn(Range<usize>, &[Point]) -> TeacherBatch>;
/// The batch of an epoch and a step, of so many images.
pub type TrainBatches = Box<dyn Fn(u64, usize, usize) -> TrainBatch>;

/// A context for a preparation. Whatever it is not given, it panics when asked for.
pub struct TestContext {
    /// Where the entries of the cache are.
    pub cache: PathBuf,
    /// On what entries depend.
    pub key: CacheKey,
    /// Training images.
    pub images: usize,
    /// Their classes.
    pub classes: usize,
    /// Images of a batch, and the teacher.
    pub teacher: Option<(usize, TeacherBatches)>,
    /// Steps of an epoch, and its batches.
    pub train: Option<(usize, TrainBatches)>,
    /// How often it may be asked whether to stop before it says so.
    pub patience: Option<usize>,
    /// How many training batches may be shown before it is to stop.
    pub steps: Option<usize>,
    /// How often it was asked whether to stop.
    pub asked: Cell<usize>,
    /// Images that the teacher has shown.
    pub taught: usize,
    /// The settings of the entries that it was asked for.
    pub settings: Vec<String>,
    /// What it was told.
    pub messages: Vec<String>,
    /// How far it was told that something has come.
    pub progress: Vec<(usize, usize)>,
}

impl TestContext {
    /// With an empty cache in a folder, which never stops.
    pub fn new(cache: &Path, key: CacheKey, images: usize, classes: usize) -> Self {
        Self {
            cache: cache.into(),
            key,
            images,
            classes,
            teacher: None,
            train: None,
            patience: None,
            steps: None,
            asked: Cell::new(0),
            taught: 0,
            settings: Vec::new(),
            messages: Vec::new(),
            progress: Vec::new(),
        }
    }
}

impl PrepareContext for TestContext {
    fn device(&self) -> Device {
        Device::flex()
    }

    fn images(&self) -> usize {
        self.images
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn for_each_teacher_batch(
        &mut self,
        points: &[Point],
        first: usize,
        on_batch: &mut dyn FnMut(TeacherBatch) -> Flow,
    ) -> Result<(), MethodError> {
        let (size, teacher) = self.teacher.as_ref().expect("there is no teacher");
        for start in (first..self.images).step_by(*size) {
            let images = start..self.images.min(start + size);
            self.taught += images.len();
            if on_batch(teacher(images, points))? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn for_each_train_batch(
        &mut self,
        epoch: u64,
        first: usize,
        size: usize,
        on_batch: &mut dyn FnMut(TrainBatch) -> Flow,
    ) -> Result<(), MethodError> {
        let (steps, batch) = self.train.as_ref().expect("there are no batches");
        for step in first..*steps {
            self.steps = self.steps.map(|left| left.saturating_sub(1));
            if on_batch(batch(epoch, step, size))? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn cache_entry(&mut self, name: &str, key: CacheKey, settings: &str) -> Result<CacheEntry, MethodError> {
        assert_eq!(key, self.key, "what the entry depends on");
        self.settings.push(settings.into());
        Ok(CacheEntry::open(&self.cache, name, &Digest::of(settings))?)
    }

    fn progress(&mut self, _: &str, done: usize, of: usize) {
        assert!(done <= of);
        self.progress.push((done, of));
    }

    fn message(&mut self, line: &str) {
        self.messages.push(line.into());
    }

    fn should_stop(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        let is_impatient = self.patience.is_some_and(|patience| self.asked.get() > patience);
        is_impatient || self.steps == Some(0)
    }
}
