//! What heads leave behind that run after the forward pass they belong to.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use potstill_ops::{BatchStatistics, Pass};

/// What heads leave behind that run after the forward pass they belong to, for whoever keeps the step: statistics of batch norms, and how
/// much was computed. A clone is the same place.
#[derive(Debug, Clone, Default)]
pub struct LatePass(Arc<Mutex<Left>>);

#[derive(Debug, Default)]
struct Left {
    statistics: Vec<BatchStatistics>,
    macs: u64,
}

impl LatePass {
    /// Adds what a pass of the heads left behind.
    pub fn add(&self, pass: Pass<'_>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.macs += pass.macs();
        left.statistics.extend(pass.into_batch_statistics());
    }

    /// Takes everything: the statistics, and the multiply-accumulates.
    pub fn take(&self) -> (Vec<BatchStatistics>, u64) {
        let left = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (left.statistics, left.macs)
    }
}
