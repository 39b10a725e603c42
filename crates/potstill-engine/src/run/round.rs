//! An epoch of a round: an augmentation learns from both networks, which stay as they are.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use potstill_data::Loader;
use potstill_methods::Event;

use crate::{
    error::EngineError,
    observer::Observer,
    plan::timeline::SearchEpoch,
    run::{Run, epoch::Pace},
};

impl Run {
    /// Trains what is left of an epoch of a round. `false` if it was stopped before the end.
    pub(super) fn search_epoch(
        &mut self,
        loader: &Loader,
        search: SearchEpoch,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, EngineError> {
        let SearchEpoch {
            method,
            epoch,
            ordinal,
            ..
        } = search;
        if (epoch, self.position.step) == (0, 0) {
            self.learner.notify(method, &Event::RoundStart)?;
            let rule = self.learner.augmentation(method)?.optimizer();
            self.optimizers.begin_round(&rule);
        }
        let pair = self.learner.frozen_pair(method)?;
        // Rounds have orders and augmentations of their own, behind those of the student's epochs.
        let order = self.spec.epochs() + ordinal;
        let mut batches = loader.epoch(order as u64, self.position.step);
        let mut pace = Pace::new(loader.batches_per_epoch());
        let began = Instant::now();
        while let Some(batch) = self.next_batch(&mut batches) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let batch = batch?;
            let step = self.position.step;
            let rate = self.learner.augmentation(method)?.rate();
            // One that is refused is not kept: only a step in an epoch of the student can be replayed.
            let report = self
                .learner
                .search_step(method, &pair, &batch, [ordinal, step], &mut self.optimizers)
                .map_err(|refused| refused.at(self.position.epoch.0 + 1, step + 1, rate))?;
            self.record_step(&batch, &report, rate, &mut pace, observer);
            self.save_between(pace.steps, began)?;
        }
        if search.is_last() {
            self.optimizers.end_round();
        }
        Ok(true)
    }
}
