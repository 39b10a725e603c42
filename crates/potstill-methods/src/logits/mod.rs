//! Losses of logits: what they have in common.
//!
//! A loss of logits sees rows of class scores that exclude each other ([`Rows`]), and those of the teacher beside them. It is a table of options and
//! one function ([`LogitLoss`]); all that is said here of planning, of several teachers, of labels and of standardised logits holds for each.

mod softened;
mod standard;

use burn::tensor::{Int, Tensor};
use potstill_models::DetectorKind;
use potstill_ops::Pass;
use potstill_recipe::{MethodSpec, TaskKind};
use potstill_settings::Described;
use potstill_tasks::{Probabilities, Rows};
use serde::de::DeserializeOwned;

pub(crate) use self::softened::{cross_entropies, divergences, log_softened, summed_products};
pub(crate) use self::standard::standardised;
use crate::{
    LossTerm, Method, MethodError, MethodInfo, PlanContext, StepContext, TargetNeed, TeacherUse,
    levels::is_pyramid,
};

/// A loss of the student's rows and the teacher's beside them. The value is its table of options.
pub(crate) trait LogitLoss: Described + DeserializeOwned + Send + Sized {
    /// The name in recipes.
    const NAME: &'static str;
    /// Whether it standardises logits itself, because it reads them as they are too.
    const READS_BOTH: bool = false;
    /// What it does with the true class of each row; `None` if it needs none.
    const CLASSES: Option<&'static str> = None;

    /// Puts in what is usual where the recipe says nothing, and refuses what cannot be.
    ///
    /// # Errors
    /// Options that do not go together.
    fn settle(self, _spec: &MethodSpec, _context: &PlanContext) -> Result<Self, MethodError> {
        Ok(self)
    }

    /// Whether the logits of both are standardised first.
    fn standardises(&self) -> bool;

    /// At which temperature the probabilities of several teachers are averaged.
    fn temperature(&self) -> f64 {
        1.0
    }

    /// Over how many epochs the weight grows, counted from 1; 0 for the full weight from the start.
    fn ramp(&self) -> usize {
        0
    }

    /// The loss of rows `[R, K]` and the teacher's logits beside them. A tensor with one element.
    ///
    /// # Errors
    /// Rows without a class of their own.
    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError>;
}

/// A loss of logits, planned.
struct OfLogits<L> {
    loss: L,
    notes: Vec<String>,
}

/// Plans a loss of logits: both networks must have the same classes, which exclude each other.
///
/// # Errors
/// Wrong options, no teacher, other classes, a single class, one-stage detectors, whose rows are questions of their own.
pub(crate) fn plan<L: LogitLoss + 'static>(
    spec: &MethodSpec,
    context: &PlanContext,
) -> Result<Box<dyn Method>, MethodError> {
    let loss: L = spec.options()?;
    check_rows(L::NAME, context)?;
    context.teacher_of_same_rows(L::NAME)?;
    check_standardised(loss.standardises(), spec, context)?;
    let loss = loss.settle(spec, context)?;
    let notes = short_ramp(loss.ramp(), context).into_iter().collect();
    Ok(Box::new(OfLogits { loss, notes }))
}

/// The word about a weight that grows for longer than the student trains.
pub(crate) fn short_ramp(epochs: usize, context: &PlanContext) -> Option<String> {
    let trained = context.epochs;
    (epochs > trained).then(|| {
        let share = (epochs as f64 / 240.0 * trained as f64).round().max(1.0);
        format!(
            "its ramp of {epochs} epochs is longer than the training, of {trained}, and never comes to its end; the published share of the \
             training is `ramp_epochs = {share}` here"
        )
    })
}

/// Whether the student's rows are of classes that exclude each other, and of more than one.
///
/// # Errors
/// [`MethodError::SeveralClasses`], [`MethodError::DetectorKind`], [`MethodError::OneClass`].
pub(crate) fn check_rows(method: &'static str, context: &PlanContext) -> Result<(), MethodError> {
    if context.task == TaskKind::MultiLabel {
        return Err(MethodError::SeveralClasses(method));
    }
    let kind = context.student_kind();
    if let Some(kind) = kind.filter(|kind| *kind != DetectorKind::Regions) {
        return Err(MethodError::DetectorKind {
            method,
            kind,
            reason: "compares classes that exclude each other, as those beside the true class of each region do",
            cure: "take `kd`, or two-stage detectors",
        });
    }
    check_classes(method, context)
}

/// Whether a method can stand for the task's own loss: one that is nothing but a cross-entropy of the student's rows.
///
/// # Errors
/// [`MethodError::StandsForTask`]; as [`check_rows`].
pub(crate) fn check_stands_for_task(method: &'static str, context: &PlanContext) -> Result<(), MethodError> {
    if is_pyramid(context.task) {
        let task = context.task;
        return Err(MethodError::StandsForTask { method, task });
    }
    check_rows(method, context)
}

/// Whether there is more than one class to tell apart.
///
/// # Errors
/// [`MethodError::OneClass`].
pub(crate) fn check_classes(method: &'static str, context: &PlanContext) -> Result<(), MethodError> {
    match (context.task, context.student.probe.classes) {
        (TaskKind::Classification | TaskKind::Segmentation, 1) => Err(MethodError::OneClass(method)),
        _ => Ok(()),
    }
}

/// Whether standardised logits say something: of two classes they are the same whatever the network says, but for the sign.
///
/// # Errors
/// A message about the option.
pub(crate) fn check_standardised(
    standardises: bool,
    spec: &MethodSpec,
    context: &PlanContext,
) -> Result<(), MethodError> {
    if !standardises {
        return Ok(());
    }
    check_rows("standardise", context)?;
    // Rows of regions have a column for the background.
    let background = usize::from(context.student_kind() == Some(DetectorKind::Regions));
    if context.student.probe.classes + background <= 2 {
        let problem = "leaves nothing of two classes but which of them is ahead: leave it out";
        return Err(spec.invalid_option("standardise", problem).into());
    }
    Ok(())
}

/// The true class of each row, `[R]`.
///
/// # Errors
/// [`MethodError::NoRowClasses`].
pub(crate) fn true_classes(rows: &Rows, method: &'static str) -> Result<Tensor<1, Int>, MethodError> {
    rows.classes.clone().ok_or(MethodError::NoRowClasses(method))
}

/// Whether each row's scores exclude each other.
///
/// # Errors
/// [`MethodError::NoRowClasses`].
pub(crate) fn check_exclusive(rows: &Rows, method: &'static str) -> Result<(), MethodError> {
    match rows.probabilities {
        Probabilities::Softmax => Ok(()),
        Probabilities::Sigmoid => Err(MethodError::NoRowClasses(method)),
    }
}

impl<L: LogitLoss> Method for OfLogits<L> {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::OneOrMean,
            targets: L::CLASSES.map(TargetNeed::single_classes),
            notes: self.notes.clone(),
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let loss = &self.loss;
        let value = step.summed_rows(loss.temperature(), |rows, teacher| {
            check_exclusive(&rows, L::NAME)?;
            let (rows, teacher) = if loss.standardises() && !L::READS_BOTH {
                standard_rows(rows, teacher)
            } else {
                (rows, teacher)
            };
            loss.loss(&rows, teacher)
        })?;
        let term = LossTerm::loss(step.id, value);
        Ok(vec![term.scaled(step.at.epoch.warm_up(loss.ramp()))])
    }
}

/// What is added to the deviation of a row of logits.
const EPSILON: f64 = 1e-7;

/// The same rows, and the teacher's, with standardised logits: Sun, Ren, Li, Wang and Cao, "Logit Standardization in Knowledge Distillation",
/// CVPR 2024, algorithm 1, with the unbiased deviation of the authors' program.
pub(crate) fn standard_rows(rows: Rows, teacher: Tensor<2>) -> (Rows, Tensor<2>) {
    let logits = standardised(rows.logits.clone(), 1, EPSILON);
    (Rows { logits, ..rows }, standardised(teacher, 1, EPSILON))
}
