//! One step of the student's training: teacher, student, losses, gradients, update.

use burn::tensor::{Int, Tensor};
use potstill_data::Batch;
use potstill_methods::{Method, Seen, Step, Term};
use potstill_models::{FrozenClassifier, ModelError};
use potstill_ops::{Mode, Moments, Pass, Point, Taps, cross_entropy, true_class_ranks};

use crate::{
    EngineError,
    descent::Descent,
    inputs::Moment,
    laps::{Laps, Part},
    learner::{Learner, TeacherNetwork},
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

/// What the teacher did: a constant for every method, and the tracked pass it came from if the teacher learns.
struct Taught {
    constant: Seen,
    tracked: Option<Seen>,
}

/// What a teacher that moves first has learned from.
#[derive(Default)]
struct Led {
    loss: f64,
    terms: Vec<(String, f64)>,
}

/// A term with its weight; none for one that is only logged.
pub(crate) type Weighted = (Option<f64>, Term);

/// The names of the task's own loss terms.
const TASK: &str = "cross_entropy";
const TEACHER_TASK: &str = "teacher_cross_entropy";

impl Learner {
    /// Trains on one batch. Nothing has moved if the step is refused, but for a teacher that moves first.
    pub fn step(
        &mut self,
        batch: &Batch,
        moment: Moment,
        descent: &mut Descent<'_>,
        laps: &mut Laps,
    ) -> Result<StepReport, Refused> {
        let inputs = self.inputs(batch, moment);
        laps.lap(Part::Batch, 0);
        let (epoch, mut moments) = (moment.epoch, Vec::new());
        let taught = match inputs.teacher {
            Some(images) => self
                .teach(images, epoch, &mut moments, laps)
                .map_err(Refused::Teacher)?,
            None => None,
        };
        let (taught, led) = match taught {
            Some(taught) if self.teacher_moves_first() => {
                let (taught, led) = self.lead(taught, &inputs.labels, epoch, descent, &mut moments, laps)?;
                (Some(taught), led)
            }
            taught => (taught, Led::default()),
        };
        let student = self.study(inputs.student, epoch, &mut moments, laps);
        let step = Step {
            student: &student,
            teacher: taught.as_ref().map(|taught| &taught.constant),
            online_teacher: taught.as_ref().and_then(|taught| taught.tracked.as_ref()),
            labels: &inputs.labels,
            epoch,
        };
        let (weighted, of_losses) = self.weighted_terms(&step, &mut moments, laps);
        let (loss, terms) = values(&weighted)?;
        laps.lap(Part::Losses, 0);
        let of_teacher = step
            .online_teacher
            .map_or(0, |_| laps.multiplications(Part::Teacher));
        let forwards = laps.multiplications(Part::Student) + of_teacher + of_losses;
        self.descend(weighted, descent, forwards, laps);
        self.each_part(&mut |part| {
            if part.trains_in(descent.phase) {
                Moments::absorb(&moments, part.module);
            }
        });
        let hits = hits(student.logits, batch, self.student.classes());
        laps.lap(Part::Books, 0);
        Ok(StepReport {
            loss: led.loss + loss,
            terms: [led.terms, terms].concat(),
            hits,
        })
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
        let taught = match &teacher.network {
            TeacherNetwork::Frozen(network) => Taught {
                constant: self.look(network, teacher.mode, images, epoch, laps)?,
                tracked: None,
            },
            TeacherNetwork::Online(network) => {
                let mut taps = self.teacher_taps(epoch);
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

    /// What a network that does not learn makes of the images. Whatever its batch norms see of the batch is not kept.
    fn look(
        &self,
        network: &FrozenClassifier,
        mode: Mode,
        images: Tensor<4>,
        epoch: usize,
        laps: &mut Laps,
    ) -> Result<Seen, ModelError> {
        let mut taps = self.teacher_taps(epoch);
        let mut pass = Pass::visited(mode, &mut taps);
        let logits = network.forward(images.clone(), &mut pass)?;
        laps.lap(Part::Teacher, pass.multiplications());
        Ok(Seen { images, logits, taps })
    }

    /// The step of a teacher that moves before the student looks: its terms, its update, and what it makes of the same images then.
    fn lead(
        &mut self,
        taught: Taught,
        labels: &Tensor<1, Int>,
        epoch: usize,
        descent: &mut Descent<'_>,
        moments: &mut Vec<Moments>,
        laps: &mut Laps,
    ) -> Result<(Taught, Led), Refused> {
        let Some(tracked) = taught.tracked else {
            return Ok((taught, Led::default()));
        };
        let mut weighted = vec![self.teacher_task(&tracked.logits, labels)];
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            weighted.extend(with_weight(
                *weight,
                method.teacher_terms(&tracked, labels, &mut pass),
            ));
        }
        let losses = pass.multiplications();
        laps.lap(Part::Losses, losses);
        moments.extend(pass.into_moments());
        let (loss, terms) = values(&weighted)?;
        let images = tracked.images;
        self.descend(
            weighted,
            descent,
            laps.multiplications(Part::Teacher) + losses,
            laps,
        );
        let constant = match &self.teacher {
            Some(teacher) => self
                .look(&teacher.network.frozen(), Mode::Batch, images, epoch, laps)
                .map_err(Refused::Teacher)?,
            None => taught.constant,
        };
        let tracked = None;
        Ok((Taught { constant, tracked }, Led { loss, terms }))
    }

    fn study(&self, images: Tensor<4>, epoch: usize, moments: &mut Vec<Moments>, laps: &mut Laps) -> Seen {
        let mut taps = Taps::at(&self.reads(|method| method.reads_in(epoch).student));
        let mut pass = Pass::visited(Mode::Batch, &mut taps);
        let logits = self.student.forward(images.clone(), &mut pass);
        laps.lap(Part::Student, pass.multiplications());
        moments.extend(pass.into_moments());
        Seen { images, logits, taps }
    }

    fn teacher_taps(&self, epoch: usize) -> Taps {
        Taps::at(&self.reads(|method| method.reads_in(epoch).teacher))
    }

    fn reads(&self, of: impl Fn(&dyn Method) -> Vec<Point>) -> Vec<Point> {
        self.methods
            .iter()
            .flat_map(|(_, method)| of(method.as_ref()))
            .collect()
    }

    /// The terms of the task and of every method, with their weights, and the multiply-accumulates of them that gradients go back through.
    fn weighted_terms(
        &self,
        step: &Step<'_>,
        moments: &mut Vec<Moments>,
        laps: &mut Laps,
    ) -> (Vec<Weighted>, u64) {
        let of_student = Term::loss(TASK, self.task(&step.student.logits, step.labels));
        let mut weighted = vec![(Some(self.task_weight), of_student)];
        if let Some(teacher) = step.online_teacher {
            weighted.push(self.teacher_task(&teacher.logits, step.labels));
        }
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            weighted.extend(with_weight(*weight, method.terms(step, &mut pass)));
        }
        let tracked = pass.multiplications();
        laps.lap(Part::Losses, tracked + pass.untracked());
        moments.extend(pass.into_moments());
        (weighted, tracked)
    }

    /// What an online teacher learns from by itself.
    fn teacher_task(&self, logits: &Tensor<2>, labels: &Tensor<1, Int>) -> Weighted {
        (Some(1.0), Term::loss(TEACHER_TASK, self.task(logits, labels)))
    }

    fn task(&self, logits: &Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
        cross_entropy(logits.clone(), labels.clone(), self.label_smoothing)
    }
}

/// The terms of a method with its weight in the recipe.
fn with_weight(weight: f64, terms: Vec<Term>) -> impl Iterator<Item = Weighted> {
    terms
        .into_iter()
        .map(move |term| (term.factor.map(|factor| weight * factor), term))
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
