//! What a run will cost, from a step or two on a few of its images. An estimate, and called so.

use potstill_data::{Loader, LoaderConfig};
use potstill_methods::Teaching;

use crate::{
    EngineError, Plan,
    inputs::Moment,
    laps::{Laps, Part},
    learner::{Learner, Optimizers},
    machine,
    step::Rates,
};

/// Multiply-accumulates of a probe step: some tenths of a second on one core.
const PROBE: u64 = 8_000_000_000;

/// What a run will cost on this machine as it is now.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Images of the step that was tried.
    pub images: usize,
    /// Seconds of a step of the recipe's batch.
    pub step_seconds: f64,
    /// Seconds of all training steps and evaluations.
    pub run_seconds: f64,
    /// 10^9 operations of a step of the recipe's batch, counted as in [`BenchReport`](crate::BenchReport).
    pub step_gflop: f64,
    /// The same a second, as measured.
    pub gflops: f64,
    /// MiB of the process with a step of the recipe's batch; none where the system does not tell.
    pub memory_mb: Option<f64>,
}

impl Plan {
    /// Tries two steps on the first images, as many as take some tenths of a second, and scales the second one up to the recipe's
    /// batch, steps and test images. Time is taken to be in proportion to images.
    ///
    /// # Errors
    /// An image that cannot be read, a loss that is not finite at the very start.
    pub fn estimate(mut self) -> Result<Estimate, EngineError> {
        let recipe = &self.recipe;
        let teacher = self.teacher.as_ref().map_or(0, |teacher| {
            let passes = if teacher.teaching == Teaching::Online {
                3
            } else {
                1
            };
            passes * teacher.side.probe.multiplications
        });
        let of_image = 3 * self.student_side.probe.multiplications + teacher;
        let images = ((PROBE / of_image.max(1)) as usize).clamp(2, recipe.train.batch);
        let config = LoaderConfig {
            batch: images,
            workers: 1,
            queue: 1,
            ..self.loading()
        };
        let loader = Loader::new(self.train.clone(), self.augment.clone(), config)?;
        let Some(batch) = loader.epoch(0, 0).next() else {
            return Err(EngineError::Contradiction("the data set has no images".into()));
        };
        let batch = batch?;
        // A small data set may not fill it.
        let images = batch.labels.len();
        let scale = recipe.train.batch as f64 / images as f64;
        let (steps, epochs) = (
            self.steps_per_epoch() * recipe.total_epochs(),
            recipe.total_epochs(),
        );
        let tests = (self.test.len() * epochs) as f64 / images as f64;
        let phase = self.phases[0].clone();
        let mut optimizers = Optimizers::new(&phase, self.teacher_optimizer());
        let mut learner = Learner::of(&mut self);
        learner.rehearse(0);
        let (epoch, steps_per_epoch) = (phase.epochs.start, self.steps_per_epoch());
        let rate = phase.rate(epoch, 0, steps_per_epoch);
        let rates = Rates {
            student: rate,
            teacher: self.teacher_rate(&phase, epoch, 0, steps_per_epoch),
        };
        let mut step = || -> Result<Laps, EngineError> {
            let mut laps = Laps::start();
            learner
                .step(
                    &batch,
                    Moment { epoch, step: 0 },
                    &phase,
                    &mut optimizers,
                    rates,
                    &mut laps,
                )
                .map_err(|refused| refused.at(1, 1, rate))?;
            Ok(laps)
        };
        let before = machine::rss_mb();
        machine::forget_peak_rss();
        step()?;
        let laps = step()?;
        let memory = before.zip(machine::peak_rss_mb());
        let seconds: f64 = Part::ALL.iter().map(|&part| laps.seconds(part)).sum();
        let multiplications: u64 = Part::ALL.iter().map(|&part| laps.multiplications(part)).sum();
        let step_gflop = 2e-9 * scale * multiplications as f64;
        Ok(Estimate {
            images,
            step_seconds: scale * seconds,
            run_seconds: scale * seconds * steps as f64 + laps.seconds(Part::Student) * tests,
            step_gflop,
            gflops: step_gflop / (scale * seconds),
            memory_mb: memory.map(|(before, peak)| before + scale * (peak - before)),
        })
    }
}
