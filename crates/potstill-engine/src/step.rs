//! One training step: teacher, student, losses, gradients, update.

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_data::{Batch, Normalise};
use potstill_methods::{Method, Seen, Step, Term};
use potstill_models::{Classifier, FrozenClassifier, ModelError};
use potstill_ops::{Mode, Moments, Parameters, Pass, Point, Taps, cross_entropy, true_class_ranks};

use crate::{
    EngineError, Optimizer, Phase, Plan,
    clip::clip_by_global_norm,
    laps::{Laps, Part},
};

/// What trains, and what it trains on.
pub(crate) struct Learner {
    pub device: Device,
    pub student: Classifier,
    pub student_input: Normalise,
    /// The teacher and its normalisation; none for the student alone.
    pub teacher: Option<(FrozenClassifier, Normalise)>,
    /// The methods with their weights in the recipe.
    pub methods: Vec<(f64, Box<dyn Method>)>,
    pub task_weight: f64,
    pub label_smoothing: f64,
    pub clip_norm: Option<f64>,
}

/// What a step did.
pub(crate) struct StepReport {
    /// The weighted loss.
    pub loss: f64,
    /// The unweighted terms.
    pub terms: Vec<(String, f64)>,
    /// Images whose true class had the largest logit.
    pub hits: usize,
}

/// The normalised images of a batch, `[N, H, W, C]`, for each network.
struct Inputs {
    student: Tensor<4>,
    teacher: Option<Tensor<4>>,
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

/// The name of the task's own loss term.
const TASK: &str = "cross_entropy";

impl Learner {
    /// The trainable parts by name: the student, and the methods that have modules.
    pub fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        let methods = self
            .methods
            .iter()
            .filter_map(|(_, method)| method.modules().map(|part| (method.name(), part)));
        std::iter::once(("student", self.student.parameters()))
            .chain(methods)
            .collect()
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let methods = self.methods.iter_mut().filter_map(|(_, method)| {
            let name = method.name();
            method.modules_mut().map(|part| (name, part))
        });
        std::iter::once(("student", self.student.parameters_mut()))
            .chain(methods)
            .collect()
    }

    /// Trains on one batch with this learning rate. Nothing has moved if the step is refused.
    pub fn step(
        &mut self,
        batch: &Batch,
        phase: &Phase,
        optimizer: &mut Optimizer,
        rate: f64,
        epoch: usize,
        laps: &mut Laps,
    ) -> Result<StepReport, Refused> {
        let labels = self.labels(batch);
        let inputs = self.inputs(batch);
        laps.lap(Part::Batch, 0);
        let teacher = self.teach(inputs.teacher, laps).map_err(Refused::Teacher)?;
        let mut moments = Vec::new();
        let student = self.study(inputs.student, &mut moments, laps);
        let step = Step {
            student: &student,
            teacher: teacher.as_ref(),
            labels: &labels,
            epoch,
        };
        let weighted = self.weighted_terms(&step, &mut moments, laps);
        let terms = finite_values(&weighted)?;
        let loss = weighted
            .iter()
            .zip(&terms)
            .map(|((weight, _), (_, value))| weight * value)
            .sum();
        laps.lap(Part::Losses, 0);
        self.descend(weighted, phase, optimizer, rate, laps);
        for (name, part) in self.parts_mut() {
            if phase.trains(name) {
                Moments::absorb(&moments, part);
            }
        }
        let logits: Vec<f32> = student.logits.inner().into_data().iter().collect();
        let ranks = true_class_ranks(&logits, self.student.classes(), &batch.labels);
        let hits = ranks.into_iter().filter(|&rank| rank == 0).count();
        laps.lap(Part::Books, 0);
        Ok(StepReport { loss, terms, hits })
    }

    /// The batch as each network takes it: one tensor for both where they normalise alike.
    fn inputs(&self, batch: &Batch) -> Inputs {
        let student = images(batch, &self.student_input, &self.device);
        let teacher = self.teacher.as_ref().map(|(_, input)| {
            if *input == self.student_input {
                student.clone()
            } else {
                images(batch, input, &self.device)
            }
        });
        Inputs { student, teacher }
    }

    /// The terms of the task and of every method, with their weights.
    fn weighted_terms(
        &self,
        step: &Step<'_>,
        moments: &mut Vec<Moments>,
        laps: &mut Laps,
    ) -> Vec<(f64, Term)> {
        let task = task_term(&step.student.logits, step.labels.clone(), self.label_smoothing);
        let mut weighted = vec![(self.task_weight, task)];
        let mut pass = Pass::new(Mode::Batch);
        for (weight, method) in &self.methods {
            weighted.extend(
                method
                    .terms(step, &mut pass)
                    .into_iter()
                    .map(|term| (weight * term.factor, term)),
            );
        }
        laps.lap(Part::Losses, pass.multiplications());
        moments.extend(pass.into_moments());
        weighted
    }

    fn labels(&self, batch: &Batch) -> Tensor<1, Int> {
        let labels: Vec<i32> = batch.labels.iter().map(|&label| label as i32).collect();
        let count = labels.len();
        Tensor::from_data(TensorData::new(labels, [count]), &self.device)
    }

    /// The teacher on the plain device: no graph, no gradient, running statistics.
    fn teach(&self, images: Option<Tensor<4>>, laps: &mut Laps) -> Result<Option<Seen>, ModelError> {
        let Some(((teacher, _), images)) = self.teacher.as_ref().zip(images) else {
            return Ok(None);
        };
        let mut taps = Taps::at(&self.reads(|method| method.reads().teacher));
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        let logits = teacher.forward(images, &mut pass)?;
        laps.lap(Part::Teacher, pass.multiplications());
        Ok(Some(Seen { logits, taps }))
    }

    fn study(&self, images: Tensor<4>, moments: &mut Vec<Moments>, laps: &mut Laps) -> Seen {
        let mut taps = Taps::at(&self.reads(|method| method.reads().student));
        let mut pass = Pass::visited(Mode::Batch, &mut taps);
        let logits = self.student.forward(images, &mut pass);
        laps.lap(Part::Student, pass.multiplications());
        moments.extend(pass.into_moments());
        Seen { logits, taps }
    }

    fn reads(&self, of: impl Fn(&dyn Method) -> Vec<Point>) -> Vec<Point> {
        self.methods
            .iter()
            .flat_map(|(_, method)| of(method.as_ref()))
            .collect()
    }

    fn descend(
        &mut self,
        weighted: Vec<(f64, Term)>,
        phase: &Phase,
        optimizer: &mut Optimizer,
        rate: f64,
        laps: &mut Laps,
    ) {
        let terms = weighted.into_iter().map(|(weight, term)| term.value * weight);
        let Some(loss) = terms.reduce(|sum, term| sum + term) else {
            return;
        };
        let mut gradients = loss.backward();
        // Twice the forward passes that are gone through: gradients of the maps and of the weights.
        let forward = [Part::Student, Part::Losses].map(|part| laps.multiplications(part));
        laps.lap(Part::Backward, 2 * forward.iter().sum::<u64>());
        let trained: Vec<_> = self
            .parts()
            .into_iter()
            .filter(|(name, _)| phase.trains(name))
            .collect();
        let modules: Vec<_> = trained.iter().map(|(_, part)| *part).collect();
        let scale = self
            .clip_norm
            .map(|limit| clip_by_global_norm(&modules, &gradients, limit));
        for (name, part) in self
            .parts_mut()
            .into_iter()
            .filter(|(name, _)| phase.trains(name))
        {
            part.descend(&mut gradients, &mut |entry, value, gradient| {
                let gradient = match scale {
                    Some(scale) if scale < 1.0 => gradient * scale,
                    _ => gradient,
                };
                optimizer.update(&format!("{name}/{}", entry.path), value, gradient, rate)
            });
        }
        laps.lap(Part::Optimizer, 0);
    }
}

/// The normalised images of a batch, `[N, H, W, C]`, on the plain device.
pub(crate) fn images(batch: &Batch, input: &Normalise, device: &Device) -> Tensor<4> {
    let mut pixels = batch.images.clone();
    // The plan checked mean and std against the images' channels.
    let _ = input.apply(&mut pixels);
    Tensor::from_data(TensorData::new(pixels, batch.shape), device)
}

fn task_term(logits: &Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Term {
    Term {
        name: TASK,
        value: cross_entropy(logits.clone(), labels, smoothing),
        factor: 1.0,
    }
}

fn finite_values(weighted: &[(f64, Term)]) -> Result<Vec<(String, f64)>, Refused> {
    let values = weighted.iter().map(|(_, term)| {
        let value = term
            .value
            .clone()
            .inner()
            .into_data()
            .iter::<f64>()
            .next()
            .unwrap_or(f64::NAN);
        let name = term.name.to_owned();
        if value.is_finite() {
            Ok((name, value))
        } else {
            Err(Refused::NonFinite { term: name, value })
        }
    });
    values.collect()
}

impl Learner {
    /// Takes the trainable parts out of a plan.
    pub fn of(plan: &mut Plan) -> Self {
        let train = &plan.recipe.train;
        Self {
            device: plan.device.clone(),
            student: plan.student.classifier.clone(),
            student_input: plan.student_input(),
            teacher: plan
                .teacher
                .as_ref()
                .map(|teacher| (teacher.network.clone(), teacher.input.clone())),
            task_weight: train.task_weight,
            label_smoothing: train.label_smoothing,
            clip_norm: train.clip_norm,
            methods: std::mem::take(&mut plan.methods),
        }
    }
}
