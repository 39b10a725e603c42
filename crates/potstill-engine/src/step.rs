//! One step of the student's training: teacher, student, losses, gradients, update.

use burn::tensor::{Gradients, Tensor};
use potstill_data::Batch;
use potstill_methods::{Method, Seen, Step, Term};
use potstill_models::ModelError;
use potstill_ops::{Mode, Moments, Pass, Point, Taps, cross_entropy, true_class_ranks};

use crate::{
    EngineError, Phase,
    clip::clip_by_global_norm,
    inputs::Moment,
    laps::{Laps, Part},
    learner::{Clock, Learner, Optimizers, TeacherNetwork},
};

/// What a step did.
pub(crate) struct StepReport {
    /// The weighted loss.
    pub loss: f64,
    /// The unweighted terms.
    pub terms: Vec<(String, f64)>,
    /// Images of the batch whose true class had the largest logit, not counting those that an augmentation made.
    pub hits: usize,
}

/// Why a step was not taken.
pub(crate) enum Refused {
    /// A loss term is not a finite number.
    NonFinite { term: String, value: f64 },
    /// The teacher, an ONNX file, fails on the batch.
    Teacher(ModelError),
}

impl Refused {
    /// The error of a run, whose epochs and steps count from 1.
    pub fn at(self, epoch: usize, step: usize, rate: f64) -> EngineError {
        match self {
            Self::NonFinite { term, value } => EngineError::NonFinite {
                term,
                value,
                epoch,
                step,
                rate,
            },
            Self::Teacher(error) => error.into(),
        }
    }
}

/// The learning rates of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub student: f64,
    /// Of an online teacher.
    pub teacher: f64,
}

impl Rates {
    fn of(self, clock: Clock) -> f64 {
        match clock {
            Clock::Teacher => self.teacher,
            Clock::Student | Clock::Round => self.student,
        }
    }
}

/// What the teacher did: a constant for every method, and the tracked pass it came from if the teacher learns.
struct Taught {
    constant: Seen,
    tracked: Option<Seen>,
}

/// A term with its weight; none for one that is only logged.
pub(crate) type Weighted = (Option<f64>, Term);

/// The names of the task's own loss terms.
const TASK: &str = "cross_entropy";
const TEACHER_TASK: &str = "teacher_cross_entropy";

impl Learner {
    /// Trains on one batch. Nothing has moved if the step is refused.
    pub fn step(
        &mut self,
        batch: &Batch,
        moment: Moment,
        phase: &Phase,
        optimizers: &mut Optimizers,
        rates: Rates,
        laps: &mut Laps,
    ) -> Result<StepReport, Refused> {
        let inputs = self.inputs(batch, moment);
        laps.lap(Part::Batch, 0);
        let mut moments = Vec::new();
        let taught = match inputs.teacher {
            Some(images) => self
                .teach(images, moment.epoch, &mut moments, laps)
                .map_err(Refused::Teacher)?,
            None => None,
        };
        let student = self.study(inputs.student, moment.epoch, &mut moments, laps);
        let step = Step {
            student: &student,
            teacher: taught.as_ref().map(|taught| &taught.constant),
            online_teacher: taught.as_ref().and_then(|taught| taught.tracked.as_ref()),
            labels: &inputs.labels,
            epoch: moment.epoch,
        };
        let weighted = self.weighted_terms(&step, &mut moments, laps);
        let (loss, terms) = values(&weighted)?;
        laps.lap(Part::Losses, 0);
        self.descend(weighted, phase, optimizers, rates, laps);
        self.each_part(&mut |part| {
            if part.trains_in(phase) {
                Moments::absorb(&moments, part.module);
            }
        });
        let hits = hits(student.logits, batch, self.student.classes());
        laps.lap(Part::Books, 0);
        Ok(StepReport { loss, terms, hits })
    }

    /// The teacher. A frozen one has no graph and no gradient and stays as it is; an online one trains.
    fn teach(
        &self,
        images: Tensor<4>,
        epoch: usize,
        moments: &mut Vec<Moments>,
        laps: &mut Laps,
    ) -> Result<Option<Taught>, ModelError> {
        let Some(teacher) = &self.teacher else {
            return Ok(None);
        };
        let mut taps = Taps::at(&self.reads(|method| method.reads_in(epoch).teacher));
        let taught = match &teacher.network {
            TeacherNetwork::Frozen(network) => {
                // Whatever its batch norms see of the batch is not kept.
                let mut pass = Pass::visited(teacher.mode, &mut taps);
                let logits = network.forward(images.clone(), &mut pass)?;
                laps.lap(Part::Teacher, pass.multiplications());
                let constant = Seen { images, logits, taps };
                Taught {
                    constant,
                    tracked: None,
                }
            }
            TeacherNetwork::Online(network) => {
                let mut pass = Pass::visited(Mode::Batch, &mut taps);
                let logits = network.forward(images.clone(), &mut pass);
                laps.lap(Part::Teacher, pass.multiplications());
                moments.extend(pass.into_moments());
                let constant = Seen {
                    images: images.clone(),
                    logits: logits.clone().inner(),
                    taps: taps.detached(),
                };
                let tracked = Some(Seen { images, logits, taps });
                Taught { constant, tracked }
            }
        };
        Ok(Some(taught))
    }

    fn study(&self, images: Tensor<4>, epoch: usize, moments: &mut Vec<Moments>, laps: &mut Laps) -> Seen {
        let mut taps = Taps::at(&self.reads(|method| method.reads_in(epoch).student));
        let mut pass = Pass::visited(Mode::Batch, &mut taps);
        let logits = self.student.forward(images.clone(), &mut pass);
        laps.lap(Part::Student, pass.multiplications());
        moments.extend(pass.into_moments());
        Seen { images, logits, taps }
    }

    fn reads(&self, of: impl Fn(&dyn Method) -> Vec<Point>) -> Vec<Point> {
        self.methods
            .iter()
            .flat_map(|(_, method)| of(method.as_ref()))
            .collect()
    }

    /// The terms of the task and of every method, with their weights.
    fn weighted_terms(&self, step: &Step<'_>, moments: &mut Vec<Moments>, laps: &mut Laps) -> Vec<Weighted> {
        let task =
            |logits: &Tensor<2>| cross_entropy(logits.clone(), step.labels.clone(), self.label_smoothing);
        let of_student = Term::loss(TASK, task(&step.student.logits));
        let mut weighted = vec![(Some(self.task_weight), of_student)];
        if let Some(teacher) = step.online_teacher {
            weighted.push((Some(1.0), Term::loss(TEACHER_TASK, task(&teacher.logits))));
        }
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            let terms = method.terms(step, &mut pass).into_iter();
            weighted.extend(terms.map(|term| (term.factor.map(|factor| weight * factor), term)));
        }
        laps.lap(Part::Losses, pass.multiplications());
        moments.extend(pass.into_moments());
        weighted
    }

    fn descend(
        &mut self,
        weighted: Vec<Weighted>,
        phase: &Phase,
        optimizers: &mut Optimizers,
        rates: Rates,
        laps: &mut Laps,
    ) {
        let Some(mut gradients) = gradients(weighted) else {
            return;
        };
        let forwards: u64 = self.trained_forwards(laps);
        // Twice the forward passes that are gone through: gradients of the maps and of the weights.
        laps.lap(Part::Backward, 2 * forwards);
        let scales = [Clock::Student, Clock::Teacher].map(|clock| self.clipping(clock, phase, &gradients));
        self.each_part(&mut |part| {
            let Some(clock) = part.clock.filter(|_| part.trains_in(phase)) else {
                return;
            };
            let scale = scales[usize::from(clock == Clock::Teacher)];
            let (optimizer, rate) = (optimizers.of(clock), rates.of(clock));
            part.module
                .descend(&mut gradients, &mut |entry, value, gradient| {
                    let gradient = match scale {
                        Some(scale) if scale < 1.0 => gradient * scale,
                        _ => gradient,
                    };
                    optimizer.update(&format!("{}/{}", part.name, entry.path), value, gradient, rate)
                });
        });
        laps.lap(Part::Optimizer, 0);
    }

    /// Multiply-accumulates of the forward passes that gradients go back through.
    fn trained_forwards(&self, laps: &Laps) -> u64 {
        let learns =
            |teacher: &crate::learner::LiveTeacher| matches!(teacher.network, TeacherNetwork::Online(_));
        let teacher = self.teacher.as_ref().is_some_and(learns);
        let parts = [Part::Student, Part::Losses]
            .into_iter()
            .chain(teacher.then_some(Part::Teacher));
        parts.map(|part| laps.multiplications(part)).sum()
    }

    /// By how much the gradients of everything that trains on this clock are shortened together; none if they never are.
    fn clipping(&self, clock: Clock, phase: &Phase, gradients: &Gradients) -> Option<f64> {
        let limit = self.clip_norm?;
        let parts = self.parts();
        let trained = parts
            .iter()
            .filter(|part| part.clock == Some(clock) && part.trains_in(phase));
        let modules: Vec<_> = trained.map(|part| part.module).collect();
        Some(clip_by_global_norm(&modules, gradients, limit))
    }
}

/// The gradients of the weighted sum; none if there is nothing to sum.
pub(crate) fn gradients(weighted: Vec<Weighted>) -> Option<Gradients> {
    let terms = weighted
        .into_iter()
        .filter_map(|(weight, term)| Some(term.value * weight?));
    terms.reduce(|sum, term| sum + term).map(|loss| loss.backward())
}

/// The weighted loss and the value of every term.
pub(crate) fn values(weighted: &[Weighted]) -> Result<(f64, Vec<(String, f64)>), Refused> {
    let mut loss = 0.0;
    let mut terms = Vec::with_capacity(weighted.len());
    for (weight, term) in weighted {
        let value = term.value.clone().inner().into_data();
        let value = value.iter::<f64>().next().unwrap_or(f64::NAN);
        let name = term.name.to_owned();
        if let Some(weight) = weight {
            if !value.is_finite() {
                return Err(Refused::NonFinite { term: name, value });
            }
            loss += weight * value;
        }
        terms.push((name, value));
    }
    Ok((loss, terms))
}

/// Images of the batch whose true class has the largest logit. Logits of images that were made of it come first.
fn hits(logits: Tensor<2>, batch: &Batch, classes: usize) -> usize {
    let logits: Vec<f32> = logits.inner().into_data().iter().collect();
    let own = logits.len().saturating_sub(batch.labels.len() * classes);
    let ranks = true_class_ranks(&logits[own..], classes, &batch.labels);
    ranks.into_iter().filter(|&rank| rank == 0).count()
}
