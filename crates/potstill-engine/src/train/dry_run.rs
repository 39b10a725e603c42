//! A preparation of nothing, so that the cost of a step can be measured without it.

use burn::tensor::Device;
use potstill_base::CacheEntry;
use potstill_methods::{CacheKey, Flow, MethodError, PrepareContext, TeacherBatch, TrainBatch};
use potstill_ops::Point;

/// The context of a dry run, with the plain device.
pub(crate) struct DryRun(pub Device);

fn refused<T>() -> Result<T, MethodError> {
    let reason = "a dry run has neither images nor a cache".into();
    Err(MethodError::Preparation {
        method: "a method",
        reason,
    })
}

impl PrepareContext for DryRun {
    fn is_dry_run(&self) -> bool {
        true
    }

    fn device(&self) -> Device {
        self.0.clone()
    }

    fn images(&self) -> usize {
        0
    }

    fn classes(&self) -> usize {
        0
    }

    fn for_each_teacher_batch(
        &mut self,
        _: &[Point],
        _: usize,
        _: &mut dyn FnMut(TeacherBatch) -> Flow,
    ) -> Result<(), MethodError> {
        refused()
    }

    fn for_each_train_batch(
        &mut self,
        _: u64,
        _: usize,
        _: usize,
        _: &mut dyn FnMut(TrainBatch) -> Flow,
    ) -> Result<(), MethodError> {
        refused()
    }

    fn cache_entry(&mut self, _: &str, _: CacheKey, _: &str) -> Result<CacheEntry, MethodError> {
        refused()
    }

    fn progress(&mut self, _: &str, _: usize, _: usize) {}

    fn message(&mut self, _: &str) {}

    fn should_stop(&self) -> bool {
        false
    }
}
