//! What a run will cost, from a step or two of each kind on a few of its images. An estimate, and called so.

use std::time::Instant;

use potstill_data::{Batch, LoaderConfig};
use potstill_methods::{Event, Moment, Reads, StudentEpoch, TeacherLook, TeacherUpdate};

use crate::{
    error::EngineError,
    machine,
    plan::{Plan, phases::Phase, spec::RunSpec, teachers::TeacherFacts},
    train::{
        accumulation::Portion,
        backward::{Optimizers, UpdateContext},
        learner::Learner,
        profile::{StepPart, StepProfile},
    },
};

/// Multiply-accumulates of a probe step: some tenths of a second on one core.
const PROBE: u64 = 8_000_000_000;

/// What a run will cost on this machine as it is now.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Images of the step that was tried.
    pub images: usize,
    /// Seconds of a step of the recipe's batch, the mean over the student's epochs.
    pub step_seconds: f64,
    /// Seconds of all training steps and evaluations.
    pub run_seconds: f64,
    /// 10^9 operations of such a step, counted as in [`BenchReport`](crate::BenchReport).
    pub step_gflop: f64,
    /// The same a second, as measured.
    pub gflops: f64,
    /// MiB of the process with a step of the recipe's batch; none where the system does not tell.
    pub memory_mb: Option<f64>,
    /// Entries that prepare something before the first step, which is not in the estimate.
    pub preparing: Vec<String>,
}

impl Plan {
    /// Tries steps on the first images, as many as take some tenths of a second: one of each kind of step and of each round, and one
    /// before them to warm up. Scales them up to the recipe's batch, steps and test images. Time is taken to be in proportion to
    /// images. What only comes after tens of thousands of steps, as the first review of TSKD in a very long training, is left out.
    ///
    /// # Errors
    /// An image that cannot be read, a loss that is not finite at the very start.
    pub fn estimate(self) -> Result<Estimate, EngineError> {
        let (spec, learner) = self.into_parts();
        let batch = specimen(&spec)?;
        // A small data set may not fill it.
        let images = batch.len();
        let kinds = kinds(&spec, &learner);
        let mut rehearsal = Rehearsal::new(&spec, learner, batch)?;
        let before = machine::rss_mb();
        machine::forget_peak_rss();
        rehearsal.step(Moment::default())?;
        let (mut sum, mut evaluated) = (Sum::default(), 0.0);
        for (at, epochs) in kinds {
            let profile = rehearsal.step(at)?;
            let of_teacher = if rehearsal.learner.has_online_teacher() {
                profile.seconds(StepPart::Teacher)
            } else {
                0.0
            };
            evaluated += epochs * (profile.seconds(StepPart::Student) + of_teacher);
            sum.add(&profile, epochs);
        }
        let mut searches = 0.0;
        for method in 0..rehearsal.learner.methods.len() {
            let epochs = spec.timeline.round_epochs(method);
            if epochs > 0 {
                searches += epochs as f64 * rehearsal.search_step(method)?;
            }
        }
        let memory = before.zip(machine::peak_rss_mb());
        let scale = spec.settings.batch as f64 / images as f64;
        let (seconds, macs) = (sum.seconds / sum.epochs, sum.macs / sum.epochs);
        // Where validation images choose, two students see the test images at the end.
        let at_the_end = spec.data.validation.as_ref().and(spec.data.test.as_ref());
        let at_the_end = at_the_end.map_or(0, |test| 2 * test.len()) as f64;
        let tests = (spec.data.chosen_by().len() as f64 + at_the_end / sum.epochs) / images as f64;
        let step_gflop = 2e-9 * scale * macs;
        Ok(Estimate {
            images,
            step_seconds: scale * seconds,
            run_seconds: scale * (sum.seconds + searches) * spec.steps_per_epoch() as f64 + tests * evaluated,
            step_gflop,
            gflops: step_gflop / (scale * seconds),
            memory_mb: memory.map(|(before, peak)| before + scale * (peak - before)),
            preparing: rehearsal.learner.preparing(),
        })
    }
}

/// The first images of the training set, as many as [`PROBE`] allows.
fn specimen(spec: &RunSpec) -> Result<Batch, EngineError> {
    let of_teacher = |teacher: &TeacherFacts| {
        let passes = match teacher.update {
            TeacherUpdate::Frozen => 1,
            TeacherUpdate::Online => 3,
            TeacherUpdate::OnlineFirst => 4,
        };
        passes * teacher.network.info.probe.macs
    };
    let teachers: u64 = spec.teachers.iter().map(of_teacher).sum();
    let of_image = 3 * spec.student.info.probe.macs + teachers;
    let images = ((PROBE / of_image.max(1)) as usize).clamp(2, spec.settings.batch);
    let config = LoaderConfig {
        batch: images,
        workers: 1,
        queue: 1,
        ..spec.loading()
    };
    let loader = spec.train_loader(config)?;
    match loader.epoch(0, 0).next() {
        Some(batch) => Ok(batch?),
        None => Err(EngineError::invalid_plan("data.train", "it has no images")),
    }
}

/// So many steps stand for all, and so many at most are pretended: a plan of any number of epochs answers at once.
const LOOKED_AT: usize = 50_000;

/// What each method reads in a step, and what it needs of its teacher.
type WhatIsRead = Vec<(Reads, TeacherLook)>;

/// The kinds of the student's steps, each with its first and how many epochs they make together. Steps in which the methods read the same
/// are taken to cost the same. Of a longer run, steps at equal distances are looked at.
fn kinds(spec: &RunSpec, learner: &Learner) -> Vec<(Moment, f64)> {
    let steps = spec.steps_per_epoch();
    let mut kinds: Vec<(WhatIsRead, Moment, usize)> = Vec::new();
    let all = spec.epochs().saturating_mul(steps);
    // An odd distance: an even one may meet the same place of every virtual epoch.
    let distance = all.div_ceil(LOOKED_AT).max(1) | 1;
    for step in (0..all).step_by(distance) {
        let at = Moment {
            epoch: StudentEpoch(step / steps),
            step: step % steps,
        };
        let methods = learner.methods.iter().map(|planned| &planned.method);
        let read: WhatIsRead = methods
            .map(|method| (method.reads_at(at), method.teacher_at(at)))
            .collect();
        match kinds.iter_mut().find(|(known, ..)| *known == read) {
            Some((.., count)) => *count += 1,
            None => kinds.push((read, at, 1)),
        }
    }
    let epochs_of_one = spec.epochs() as f64 / all.div_ceil(distance).max(1) as f64;
    let kinds = kinds.into_iter();
    kinds
        .map(|(_, first, count)| (first, count as f64 * epochs_of_one))
        .collect()
}

/// What epochs, or parts of them, take together, of one step each.
#[derive(Default)]
struct Sum {
    epochs: f64,
    seconds: f64,
    macs: f64,
}

impl Sum {
    fn add(&mut self, profile: &StepProfile, epochs: f64) {
        let seconds: f64 = StepPart::ALL.iter().map(|&part| profile.seconds(part)).sum();
        let macs: u64 = StepPart::ALL.iter().map(|&part| profile.macs(part)).sum();
        self.epochs += epochs;
        self.seconds += epochs * seconds;
        self.macs += epochs * macs as f64;
    }
}

/// A run that only pretends: every step on the same images.
struct Rehearsal<'a> {
    spec: &'a RunSpec,
    learner: Learner,
    optimizers: Optimizers,
    batch: Batch,
    /// Up to where the methods have heard of the student.
    heard: Moment,
}

impl<'a> Rehearsal<'a> {
    fn new(spec: &'a RunSpec, mut learner: Learner, batch: Batch) -> Result<Self, EngineError> {
        learner.init_placeholders()?;
        Ok(Self {
            spec,
            learner,
            optimizers: spec.optimizers(&spec.phases[0]),
            batch,
            heard: Moment::default(),
        })
    }

    /// A step of the student, which is not before the last. The methods hear of the steps up to it, if these are not too many.
    fn step(&mut self, at: Moment) -> Result<StepProfile, EngineError> {
        let Moment { epoch, step } = at;
        let (phase, steps) = (Phase::at(&self.spec.phases, epoch), self.spec.steps_per_epoch());
        let before = |at: Moment| at.epoch.0.saturating_mul(steps).saturating_add(at.step);
        if before(at) - before(self.heard) <= LOOKED_AT {
            self.learner.pretend(self.heard, at, steps)?;
            self.heard = at;
        }
        let rates = self.spec.rates(phase, epoch, step, steps);
        let rate = rates.student;
        let mut update = UpdateContext {
            phase,
            optimizers: &mut self.optimizers,
            rates,
            portion: Portion::WHOLE,
        };
        let mut profile = StepProfile::start();
        self.learner
            .step(&self.batch, epoch, step, &mut update, &mut profile)
            .map_err(|refused| refused.at(epoch.0 + 1, step + 1, rate))?;
        Ok(profile)
    }

    /// Seconds of a step of a round of that method.
    fn search_step(&mut self, method: usize) -> Result<f64, EngineError> {
        self.learner.notify(method, &Event::RoundStart)?;
        let augmentation = self.learner.augmentation(method)?;
        let (rule, rate) = (augmentation.optimizer(), augmentation.rate());
        self.optimizers.begin_round(&rule);
        let pair = self.learner.frozen_pair(method)?;
        let began = Instant::now();
        self.learner
            .search_step(method, &pair, &self.batch, [0, 0], &mut self.optimizers)
            .map_err(|refused| refused.at(1, 1, rate))?;
        Ok(began.elapsed().as_secs_f64())
    }
}
