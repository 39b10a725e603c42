//! An epoch of the student, step by step.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use potstill_data::{Batch, DataError, Epoch, Loader};
use potstill_methods::{Moment, StudentEpoch};

use crate::{
    error::EngineError,
    observer::{Observer, StepProgress},
    plan::phases::Phase,
    run::Run,
    train::{
        accumulation::Portion, backward::UpdateContext, error::StepError, profile::StepProfile,
        step::StepReport,
    },
};

impl Run {
    /// Trains what is left of the student's epoch. `false` if it was stopped before the end.
    pub(super) fn train_epoch(
        &mut self,
        loader: &Loader,
        epoch: StudentEpoch,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, EngineError> {
        let phase = Phase::at(&self.spec.phases, epoch).clone();
        if (epoch.0, self.position.step) == (phase.epochs.start, 0) {
            self.optimizers = self.spec.optimizers(&phase);
        }
        let mut batches = loader.epoch(epoch.0 as u64, self.position.step);
        let mut pace = Pace::new(loader.batches_per_epoch());
        let began = Instant::now();
        // A checkpoint holds no gradients: a run stops between updates only.
        let accumulate = self.spec.settings.accumulate.max(1);
        while let Some(batch) = self.next_batch(&mut batches) {
            if stop.load(Ordering::Relaxed) && Portion::starts_at(self.position.step, accumulate) {
                return Ok(false);
            }
            let batch = batch?;
            let step = self.position.step;
            let rates = self.spec.rates(&phase, epoch, step, pace.steps);
            let rate = rates.student;
            let mut update = UpdateContext {
                phase: &phase,
                optimizers: &mut self.optimizers,
                rates,
                portion: Portion::at(step, pace.steps, accumulate),
            };
            let started = Instant::now();
            let done = self
                .learner
                .step(&batch, epoch, step, &mut update, &mut StepProfile::start());
            if let Err(StepError::NonFinite { .. }) = &done
                && let Err(error) = self.keep_refused(&batch)
            {
                // The loss is what stops the run, whatever the disk says.
                observer.says(&format!("warning: the refused step cannot be replayed: {error}"));
            }
            let report = done.map_err(|refused| refused.at(self.position.epoch.0 + 1, step + 1, rate))?;
            self.learner.end_step(Moment { epoch, step })?;
            self.step_seconds.push(started.elapsed().as_secs_f64());
            self.record_step(&batch, &report, rate, &mut pace, observer);
            self.save_between(pace.steps, began)?;
        }
        self.learner.end_epoch(epoch)?;
        Ok(true)
    }

    /// The next batch of the epoch; the time until it is there counts as waiting.
    pub(super) fn next_batch(&mut self, batches: &mut Epoch) -> Option<Result<Batch, DataError>> {
        let asked = Instant::now();
        let batch = batches.next();
        self.waited += asked.elapsed().as_secs_f64();
        batch
    }

    /// Records a step and shows it.
    pub(super) fn record_step(
        &mut self,
        batch: &Batch,
        report: &StepReport,
        rate: f64,
        pace: &mut Pace,
        observer: &mut dyn Observer,
    ) {
        self.position.step += 1;
        pace.images += batch.len();
        self.totals
            .add(batch.len(), report.loss, &report.terms, &report.counts);
        let totals = &self.totals;
        let means: Vec<_> = totals.mean_terms().collect();
        observer.step(&StepProgress {
            epoch: self.position.epoch.0 + 1,
            epochs: self.spec.timeline.len(),
            step: self.position.step,
            steps: pace.steps,
            rate,
            images_per_second: pace.images as f64 / pace.began.elapsed().as_secs_f64(),
            loss: totals.mean_loss(),
            terms: &means,
        });
    }
}

/// How fast an epoch goes.
pub(super) struct Pace {
    pub steps: usize,
    images: usize,
    began: Instant,
}

impl Pace {
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            images: 0,
            began: Instant::now(),
        }
    }
}
