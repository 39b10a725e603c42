//! **TSKD**: temporal supervised knowledge distillation.
//!
//! Wang, Han, Wang, Chen, Liu and Tang, "Review helps learn better: Temporal Supervised Knowledge
//! Distillation", arXiv 2307.00811. At fixed epochs the student is remembered ([`Snapshots`]); in a review
//! epoch the remembered students and the present one see the same batch, and the changes of their attention
//! maps ([`attention_map`]) form a short sequence. A convolutional LSTM for each tap forecasts the next
//! change, which is matched with the gap that is left to the teacher's attention ([`ReviewLoss`]). In every
//! epoch the logits follow the teacher's as in KD. Memory and forecasters exist in training only. Detectors and
//! segmenters count in virtual epochs of so many steps ([`ReviewClock`]).
//!
//! The mathematics are those of the authors' program; what it leaves open is marked as our design.

mod attention_map;
mod conv_lstm;
mod forecaster;
mod options;
mod review;
mod schedule;
mod snapshots;
mod taps;

use burn::{module::Module, tensor::Tensor};
use potstill_models::Model;
use potstill_ops::{Parameters, Pass, Point};
use potstill_recipe::MethodSpec;
use potstill_settings::Key;
use serde_json::Value;

use crate::{
    Event, Group, LossTerm, Method, MethodEntry, MethodError, Moment, Part, PlanContext, Reads, StepContext,
    StudentEpoch, StudentStep, TeacherLook,
    entry::ALL,
    levels::{is_dense, is_pyramid, is_segmenter},
};
use options::Options;
use taps::taps;

pub use attention_map::{MapNorm, attention_map};
pub use conv_lstm::{ConvLstmCell, ConvLstmState, Peepholes};
pub use forecaster::{Forecaster, ForecasterConfig};
pub use review::{Forecasters, ReviewInput, ReviewLoss, StopGradients, increments};
pub use schedule::{EpochRole, ReviewClock, ReviewEpoch, ReviewSchedule};
pub use snapshots::Snapshots;

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Tskd::NAME,
    about: "the student reviews how its attention changed over the epochs, and what is left to the teacher's",
    group: Group::Schemes,
    paper: "Review helps learn better: Temporal Supervised Knowledge Distillation",
    year: 2023,
    source: "Wang, Han, Wang, Chen, Liu, Tang 2023, arXiv 2307.00811",
    needs: "maps of both, epoch after epoch; trains a forecaster",
    cost: "a recurrent network on maps of one channel",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "",
    keys: Tskd::KEYS,
    plan: |spec, context| Ok(Box::new(Tskd::plan(spec, context)?)),
};

/// Temporal supervision, planned for two networks.
#[derive(Debug)]
pub struct Tskd {
    schedule: ReviewSchedule,
    kl_weight: f64,
    temperature: f64,
    review_weight: f64,
    reviewing: ReviewLoss,
    decay_between_reviews: bool,
    reads: Reads,
    forecasters: Forecasters,
    snapshots: Snapshots,
}

impl Tskd {
    /// The name in recipes.
    pub const NAME: &'static str = "tskd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the schedule, finds the taps of both networks and builds a forecaster for each.
    ///
    /// # Errors
    /// No teacher, other classes, points that are not there or do not pair up, too few epochs for one review.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        // The class scores of a detector's places or regions stand beside each other in detectors of one kind only.
        let usual = if is_pyramid(context.task) { 0.0 } else { 1.0 };
        let kl_weight = options.kl_weight.unwrap_or(usual);
        let teacher = if kl_weight > 0.0 {
            context.teacher_of_same_rows(Self::NAME)?
        } else {
            context.teacher(Self::NAME)?
        };
        let schedule = schedule(&options, context)?;
        let reads = taps(&options, context, teacher)?;
        let configs = forecasters(spec, &options, &reads, context)?;
        let mode = options.snapshot_batch_norm.into();
        Ok(Self {
            schedule,
            kl_weight,
            temperature: options
                .temperature
                .unwrap_or(if is_segmenter(context.task) { 1.0 } else { 4.0 }),
            review_weight: options.review_weight,
            reviewing: ReviewLoss {
                norm: options.attention,
                cuts: StopGradients {
                    target: options.detach_target,
                    current: options.detach_current,
                },
            },
            decay_between_reviews: options.decay_between_reviews,
            reads,
            forecasters: Forecasters::new(&configs, &context.scope()),
            snapshots: Snapshots::new(schedule, mode),
        })
    }

    /// The sum of the losses at all taps.
    fn review(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<LossTerm, MethodError> {
        let images = step.student.images.clone().inner();
        let remembered = self.snapshots.look_at(&images, &self.reads.student, pass);
        // A review without weight has no backward pass, and an autodiff graph without one is never freed.
        let learns = self.review_weight > 0.0;
        let forecasters = if learns {
            self.forecasters.clone()
        } else {
            self.forecasters.valid()
        };
        let mut sum: Option<Tensor<1>> = None;
        let pairs = self.reads.student.iter().zip(&self.reads.teacher);
        for ((ours, theirs), forecaster) in pairs.zip(&forecasters.branches) {
            let own = step.student.tap(ours)?;
            let seen = remembered.iter().map(|taps| taps.get(ours));
            let tapped = ReviewInput {
                remembered: seen.collect::<Result<_, _>>()?,
                student: if learns { own } else { own.inner() },
                teacher: step.teacher().tap(theirs)?,
            };
            if let Some(loss) = self.reviewing.loss(forecaster, tapped, pass) {
                sum = Some(match sum {
                    Some(sum) => sum + loss,
                    None => loss,
                });
            }
        }
        let value = sum.ok_or_else(|| MethodError::State("there is nothing to review".into()))?;
        let name = format!("{}-review", step.id);
        Ok(if learns {
            LossTerm::loss(name, value).scaled(self.review_weight)
        } else {
            LossTerm::metric(name, value)
        })
    }

    /// Whether the step reviews: never with a copy missing or twice there. It is a general one then.
    fn reviews_at(&self, at: Moment) -> bool {
        self.schedule.role_at(at) == EpochRole::Review && self.snapshots.are_complete()
    }

    /// The terms of a step that does not review.
    fn between_reviews(&self, step: &StudentStep<'_>) -> Option<LossTerm> {
        let at = step.at;
        if self.schedule.role_at(at) == EpochRole::Review {
            let one = Tensor::ones([1], &step.student.images.device());
            return Some(LossTerm::metric(format!("{}-review-skipped", step.id), one));
        }
        let zero = self
            .decays(self.schedule.clock.epoch(at))
            .then(|| self.forecasters.zero_gradient_term());
        zero.flatten()
            .map(|zero| LossTerm::loss(format!("{}-decay", step.id), zero))
    }

    /// Whether the forecasters, once they have learned something, go on decaying in this epoch.
    fn decays(&self, epoch: ReviewEpoch) -> bool {
        self.decay_between_reviews
            && self.review_weight > 0.0
            && self.snapshots.are_complete()
            && epoch > self.schedule.first_review()
    }
}

impl Method for Tskd {
    fn reads(&self, epoch: StudentEpoch) -> Reads {
        if self.schedule.reviews_in(epoch) {
            self.reads.clone()
        } else {
            Reads::default()
        }
    }

    fn reads_at(&self, at: Moment) -> Reads {
        match self.schedule.role_at(at) {
            EpochRole::Review => self.reads.clone(),
            EpochRole::Memory(_) | EpochRole::General => Reads::default(),
        }
    }

    fn teacher_at(&self, at: Moment) -> TeacherLook {
        if self.kl_weight > 0.0 {
            TeacherLook::Outputs
        } else if self.reviews_at(at) {
            TeacherLook::Maps
        } else {
            TeacherLook::Nothing
        }
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        let mut parts: Vec<Part<&dyn Parameters>> = vec![Part::beside_student(&self.forecasters)];
        parts.extend(self.snapshots.parts());
        parts
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        let mut parts: Vec<Part<&mut dyn Parameters>> = vec![Part::beside_student(&mut self.forecasters)];
        parts.extend(self.snapshots.parts_mut());
        parts
    }

    fn state(&self) -> Value {
        self.snapshots.state()
    }

    fn load_state(&mut self, state: Value, student: &Model) -> Result<(), MethodError> {
        self.snapshots
            .load_state(state, student)
            .map_err(MethodError::State)
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<(), MethodError> {
        let clock = self.schedule.clock;
        match event {
            Event::StepEnd { at, student } => {
                if let Some(epoch) = clock.ended_by(*at) {
                    self.snapshots.remember(epoch, student);
                }
            }
            Event::EpochEnd { epoch, student } if clock == ReviewClock::Epochs => {
                self.snapshots.remember(ReviewEpoch(epoch.0), student);
            }
            Event::EpochEnd { .. } | Event::RoundStart | Event::RoundEpochEnd { .. } => {}
        }
        Ok(())
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let mut terms = Vec::new();
        if self.kl_weight > 0.0 {
            let value = step.divergence(self.temperature)?;
            terms.push(LossTerm::loss(format!("{}-kl", step.id), value).scaled(self.kl_weight));
        }
        if self.reviews_at(step.at) {
            terms.push(self.review(step, pass)?);
        } else {
            terms.extend(self.between_reviews(step));
        }
        Ok(terms)
    }

    fn student_terms(&self, step: &StudentStep<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        Ok(self.between_reviews(step).into_iter().collect())
    }
}

/// When is remembered and reviewed. Trainings for dense tasks are counted in steps, so their epochs here are virtual ones.
fn schedule(options: &Options, context: &PlanContext) -> Result<ReviewSchedule, MethodError> {
    let clock = match options.virtual_epoch_steps {
        Some(length) => ReviewClock::Steps {
            length,
            per_epoch: context.steps,
        },
        None if is_dense(context.task) => ReviewClock::virtual_epochs(context.epochs, context.steps),
        None => ReviewClock::Epochs,
    };
    let epochs = clock.epochs(context.epochs);
    let schedule = ReviewSchedule {
        clock,
        interval: options
            .interval
            .unwrap_or_else(|| ReviewSchedule::interval_for(epochs)),
        slots: options.snapshots,
    };
    if options.review_weight > 0.0 && schedule.first_review().0 >= epochs {
        let (unit, cure) = match clock {
            ReviewClock::Epochs => ("epoch", "a smaller `interval` or fewer `snapshots`"),
            ReviewClock::Steps { .. } => (
                "virtual epoch",
                "a smaller `interval` or `virtual_epoch_steps`, or fewer `snapshots`",
            ),
        };
        return Err(MethodError::TooShort {
            method: Tskd::NAME,
            unit,
            cure,
            epochs,
            needed: schedule.first_review().0.saturating_add(1),
        });
    }
    Ok(schedule)
}

/// The shape of the forecaster of each tap.
fn forecasters(
    spec: &MethodSpec,
    options: &Options,
    reads: &Reads,
    context: &PlanContext,
) -> Result<Vec<ForecasterConfig>, MethodError> {
    let taps = reads.student.len();
    if !options.hidden.is_empty() && options.hidden.len() != taps {
        let problem = format!("has {} widths for {taps} taps", options.hidden.len());
        return Err(spec.invalid_option("hidden", problem).into());
    }
    let is_dense = is_dense(context.task);
    if options.peepholes && is_dense {
        let problem = "ties the forecasters to maps of one size, and images of this task may have several";
        return Err(spec.invalid_option("peepholes", problem).into());
    }
    let config = |(i, point): (usize, &Point)| {
        let [height, width, _] = context.student.size(point, Tskd::NAME, "student")?;
        // Attested for 32, 16 and 8 rows; our design for others.
        let usual = if height == 32 && !is_dense { 64 } else { 32 };
        Ok(ForecasterConfig {
            features: options.features,
            hidden: options.hidden.get(i).copied().unwrap_or(usual),
            peepholes: options.peepholes.then_some([height, width]),
        })
    };
    reads.student.iter().enumerate().map(config).collect()
}
