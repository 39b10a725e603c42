//! An epoch of a round: an augmentation learns from both networks, which stay as they are.

use std::sync::atomic::{AtomicBool, Ordering};

use potstill_data::Loader;
use potstill_methods::Event;

use crate::{
    EngineError, Observer,
    plan::timeline::EpochKind,
    run::{Run, epoch::Pace},
    train::inputs::StepIndex,
};

impl Run {
    /// Trains what is left of an epoch of a round. `false` if it was stopped before the end.
    pub(super) fn round_epoch(
        &mut self,
        loader: &Loader,
        slot: EpochKind,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, EngineError> {
        let EpochKind::SearchRound {
            method,
            epoch,
            epochs,
            ordinal,
            ..
        } = slot
        else {
            return Ok(true);
        };
        if (epoch, self.position.step) == (0, 0) {
            self.learner.notify(method, &Event::RoundStart)?;
            let rule = self.learner.augmentation(method)?.optimizer();
            self.optimizers.begin_round(&rule);
        }
        let pair = self.learner.frozen_pair(method)?;
        // Rounds have orders and augmentations of their own, behind those of the student's epochs.
        let order = self.plan.recipe.total_epochs() + ordinal;
        let mut batches = loader.epoch(order as u64, self.position.step);
        let mut pace = Pace::new(loader.batches_per_epoch());
        while let Some(batch) = self.next_batch(&mut batches) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let batch = batch?;
            let step = self.position.step;
            let index = StepIndex { epoch: ordinal, step };
            let rate = self.learner.augmentation(method)?.rate();
            let report = self
                .learner
                .search_step(method, &pair, &batch, index, &mut self.optimizers)
                .map_err(|refused| refused.at(self.position.epoch + 1, step + 1, rate))?;
            self.record_step(&batch, &report, rate, &mut pace, observer);
        }
        if epoch + 1 == epochs {
            self.optimizers.end_round();
        }
        Ok(true)
    }
}
