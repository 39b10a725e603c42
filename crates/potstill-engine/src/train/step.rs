//! One step of the student's training: teacher, student, losses, gradients, update.

use burn::tensor::{Int, Tensor};
use potstill_data::{Batch, DataError};
use potstill_methods::{LossTerm, Method, NetworkOutput, StepContext};
use potstill_models::{FrozenModel, ModelError};
use potstill_ops::{BatchStatistics, Mode, Pass, Point, Taps, cross_entropy, true_class_ranks};

use crate::{
    EngineError,
    train::backward::UpdateContext,
    train::inputs::StepIndex,
    train::learner::{Learner, TeacherNetwork},
    train::profile::{StepPart, StepProfile},
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
pub(crate) enum StepError {
    /// A loss term is not a finite number.
    NonFinite { term: String, value: f64 },
    /// A network fails on the batch: an ONNX file, or one that gives no logits.
    Network(ModelError),
    /// The targets of the batch are of another kind than the task's.
    Data(DataError),
}

impl From<DataError> for StepError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl StepError {
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
            Self::Network(error) => error.into(),
            Self::Data(error) => error.into(),
        }
    }
}

/// What the teacher did: a constant for every method, and the tracked pass it came from if the teacher learns.
struct TeacherForward {
    constant: NetworkOutput,
    tracked: Option<NetworkOutput>,
}

/// What a teacher that moves first has learned from.
#[derive(Default)]
struct LeadLoss {
    loss: f64,
    terms: Vec<(String, f64)>,
}

/// A term with its weight; none for one that is only logged.
pub(crate) type Weighted = (Option<f64>, LossTerm);

/// The names of the task's own loss terms.
const TASK: &str = "cross_entropy";
const TEACHER_TASK: &str = "teacher_cross_entropy";

impl Learner {
    /// Trains on one batch. Nothing has moved if the step is refused, but for a teacher that moves first.
    pub fn step(
        &mut self,
        batch: &Batch,
        index: StepIndex,
        descent: &mut UpdateContext<'_>,
        profile: &mut StepProfile,
    ) -> Result<StepReport, StepError> {
        let inputs = self.inputs(batch, index)?;
        profile.record(StepPart::Batch, 0);
        let (epoch, mut moments) = (index.epoch, Vec::new());
        let taught = match inputs.teacher {
            Some(images) => self
                .forward_teacher(images, epoch, &mut moments, profile)
                .map_err(StepError::Network)?,
            None => None,
        };
        let (taught, led) = match taught {
            Some(taught) if self.teacher_moves_first() => {
                let (taught, led) =
                    self.step_teacher_first(taught, &inputs.labels, epoch, descent, &mut moments, profile)?;
                (Some(taught), led)
            }
            taught => (taught, LeadLoss::default()),
        };
        let student = self
            .forward_student(inputs.student, epoch, &mut moments, profile)
            .map_err(StepError::Network)?;
        let step = StepContext {
            student: &student,
            teacher: taught.as_ref().map(|taught| &taught.constant),
            online_teacher: taught.as_ref().and_then(|taught| taught.tracked.as_ref()),
            labels: &inputs.labels,
            epoch,
        };
        let (weighted, of_losses) = self.weighted_terms(&step, &mut moments, profile);
        let (loss, terms) = values(&weighted)?;
        profile.record(StepPart::Losses, 0);
        let of_teacher = step.online_teacher.map_or(0, |_| profile.macs(StepPart::Teacher));
        let forwards = profile.macs(StepPart::Student) + of_teacher + of_losses;
        self.backward_and_update(weighted, descent, forwards, profile);
        self.each_part(&mut |part| {
            if part.trains_in(descent.phase) {
                BatchStatistics::update_running_stats(&moments, part.module);
            }
        });
        let hits = hits(student.logits, &batch.labels()?, self.student.classes());
        profile.record(StepPart::Bookkeeping, 0);
        Ok(StepReport {
            loss: led.loss + loss,
            terms: [led.terms, terms].concat(),
            hits,
        })
    }

    /// The teacher. A frozen one has no graph and no gradient and stays as it is; an online one trains.
    fn forward_teacher(
        &self,
        images: Tensor<4>,
        epoch: usize,
        moments: &mut Vec<BatchStatistics>,
        profile: &mut StepProfile,
    ) -> Result<Option<TeacherForward>, ModelError> {
        let Some(teacher) = &self.teacher else {
            return Ok(None);
        };
        let taught = match &teacher.network {
            TeacherNetwork::Frozen(network) => TeacherForward {
                constant: self.forward_frozen(network, teacher.mode, images, epoch, profile)?,
                tracked: None,
            },
            TeacherNetwork::Online(network) => {
                let mut taps = self.teacher_taps(epoch);
                let mut pass = Pass::visited(Mode::Batch, &mut taps);
                let logits = network.forward(images.clone(), &mut pass).into_logits()?;
                profile.record(StepPart::Teacher, pass.macs());
                moments.extend(pass.into_batch_statistics());
                let constant = NetworkOutput {
                    images: images.clone(),
                    logits: logits.clone().inner(),
                    taps: taps.detached(),
                };
                let tracked = Some(NetworkOutput { images, logits, taps });
                TeacherForward { constant, tracked }
            }
        };
        Ok(Some(taught))
    }

    /// What a network that does not learn makes of the images. Whatever its batch norms see of the batch is not kept.
    fn forward_frozen(
        &self,
        network: &FrozenModel,
        mode: Mode,
        images: Tensor<4>,
        epoch: usize,
        profile: &mut StepProfile,
    ) -> Result<NetworkOutput, ModelError> {
        let mut taps = self.teacher_taps(epoch);
        let mut pass = Pass::visited(mode, &mut taps);
        let logits = network.forward(images.clone(), &mut pass)?.into_logits()?;
        profile.record(StepPart::Teacher, pass.macs());
        Ok(NetworkOutput { images, logits, taps })
    }

    /// The step of a teacher that moves before the student looks: its terms, its update, and what it makes of the same images then.
    fn step_teacher_first(
        &mut self,
        taught: TeacherForward,
        labels: &Tensor<1, Int>,
        epoch: usize,
        descent: &mut UpdateContext<'_>,
        moments: &mut Vec<BatchStatistics>,
        profile: &mut StepProfile,
    ) -> Result<(TeacherForward, LeadLoss), StepError> {
        let Some(tracked) = taught.tracked else {
            return Ok((taught, LeadLoss::default()));
        };
        let mut weighted = vec![self.teacher_task(&tracked.logits, labels)];
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            weighted.extend(with_weight(
                *weight,
                method.teacher_terms(&tracked, labels, &mut pass),
            ));
        }
        let losses = pass.macs();
        profile.record(StepPart::Losses, losses);
        moments.extend(pass.into_batch_statistics());
        let (loss, terms) = values(&weighted)?;
        let images = tracked.images;
        self.backward_and_update(
            weighted,
            descent,
            profile.macs(StepPart::Teacher) + losses,
            profile,
        );
        let constant = match &self.teacher {
            Some(teacher) => self
                .forward_frozen(&teacher.network.frozen(), Mode::Batch, images, epoch, profile)
                .map_err(StepError::Network)?,
            None => taught.constant,
        };
        let tracked = None;
        Ok((TeacherForward { constant, tracked }, LeadLoss { loss, terms }))
    }

    fn forward_student(
        &self,
        images: Tensor<4>,
        epoch: usize,
        moments: &mut Vec<BatchStatistics>,
        profile: &mut StepProfile,
    ) -> Result<NetworkOutput, ModelError> {
        let mut taps = Taps::at(&self.reads(|method| method.reads_in(epoch).student));
        let mut pass = Pass::visited(Mode::Batch, &mut taps);
        let logits = self.student.forward(images.clone(), &mut pass).into_logits()?;
        profile.record(StepPart::Student, pass.macs());
        moments.extend(pass.into_batch_statistics());
        Ok(NetworkOutput { images, logits, taps })
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
        step: &StepContext<'_>,
        moments: &mut Vec<BatchStatistics>,
        profile: &mut StepProfile,
    ) -> (Vec<Weighted>, u64) {
        let of_student = LossTerm::loss(TASK, self.task(&step.student.logits, step.labels));
        let mut weighted = vec![(Some(self.task_weight), of_student)];
        if let Some(teacher) = step.online_teacher {
            weighted.push(self.teacher_task(&teacher.logits, step.labels));
        }
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            weighted.extend(with_weight(*weight, method.terms(step, &mut pass)));
        }
        let tracked = pass.macs();
        profile.record(StepPart::Losses, tracked + pass.untracked());
        moments.extend(pass.into_batch_statistics());
        (weighted, tracked)
    }

    /// What an online teacher learns from by itself.
    fn teacher_task(&self, logits: &Tensor<2>, labels: &Tensor<1, Int>) -> Weighted {
        (Some(1.0), LossTerm::loss(TEACHER_TASK, self.task(logits, labels)))
    }

    fn task(&self, logits: &Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
        cross_entropy(logits.clone(), labels.clone(), self.label_smoothing)
    }
}

/// The terms of a method with its weight in the recipe.
fn with_weight(weight: f64, terms: Vec<LossTerm>) -> impl Iterator<Item = Weighted> {
    terms
        .into_iter()
        .map(move |term| (term.factor.map(|factor| weight * factor), term))
}

/// The weighted loss and the value of every term.
pub(crate) fn values(weighted: &[Weighted]) -> Result<(f64, Vec<(String, f64)>), StepError> {
    let mut loss = 0.0;
    let mut terms = Vec::with_capacity(weighted.len());
    for (weight, term) in weighted {
        let value = term.value.clone().inner().into_data();
        let value = value.iter::<f64>().next().unwrap_or(f64::NAN);
        let name = term.name.to_owned();
        if let Some(weight) = weight {
            if !value.is_finite() {
                return Err(StepError::NonFinite { term: name, value });
            }
            loss += weight * value;
        }
        terms.push((name, value));
    }
    Ok((loss, terms))
}

/// Images of the batch whose true class has the largest logit. Logits of images that were made of it come first.
fn hits(logits: Tensor<2>, labels: &[u32], classes: usize) -> usize {
    let logits: Vec<f32> = logits.inner().into_data().iter().collect();
    let own = logits.len().saturating_sub(labels.len() * classes);
    let ranks = true_class_ranks(&logits[own..], classes, labels);
    ranks.into_iter().filter(|&rank| rank == 0).count()
}
