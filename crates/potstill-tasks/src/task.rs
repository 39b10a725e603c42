//! What all tasks have in common.

use std::{fmt, sync::Arc};

use burn::tensor::Device;
use potstill_data::{Batch, Target, TargetKind};
use potstill_metrics::{Details, MetricSet, Metrics};
use potstill_models::{OutputKind, Outputs};
use potstill_random::Seed;

use crate::{
    Classification, DetectionTask, InstanceSegmentation, LossTerm, MultiLabel, Prediction, Probabilities,
    RowSet, Rows, Segmentation, Sense, Targets, TaskError, TaskKind,
};

/// What networks are trained for.
pub trait Task: fmt::Debug + Send + Sync {
    /// Its name in recipes.
    fn kind(&self) -> TaskKind;

    /// What has to be known about each image.
    fn target_kind(&self) -> TargetKind;

    /// What a network has to give.
    fn output_kind(&self) -> OutputKind;

    /// How the logits of a network become probabilities.
    fn probabilities(&self) -> Probabilities;

    /// What is measured on the test images.
    fn metrics(&self) -> MetricSet;

    /// The targets of a batch, on the plain `device`.
    ///
    /// # Errors
    /// [`TaskError::Data`] if the images have targets of another kind.
    fn targets(&self, batch: &Batch, device: &Device) -> Result<Targets, TaskError>;

    /// The loss terms of a training step, before the weight in the recipe.
    ///
    /// # Errors
    /// Outputs or targets of another kind.
    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError>;

    /// What a training step tells about the images of the batch: sums over them, by the name of a metric, whose unit turns their mean
    /// into its value. Outputs for images that an augmentation made of the batch come first, and do not count.
    ///
    /// # Errors
    /// Outputs or targets of another kind.
    fn counts(&self, _outputs: &Outputs, _batch: &Batch) -> Result<Metrics, TaskError> {
        Ok(Metrics::new())
    }

    /// The class scores that methods of logits compare, row by row: of the student, and of its teachers beside them. Of some networks there are several sets.
    ///
    /// # Errors
    /// Outputs or targets of another kind, rows that do not stand beside each other.
    fn rows(
        &self,
        student: &Outputs,
        teachers: &[&Outputs],
        targets: &Targets,
        _context: &TermContext<'_>,
    ) -> Result<Vec<RowSet>, TaskError> {
        let classes = match targets {
            Targets::Class(classes) => Some(classes.clone()),
            _ => None,
        };
        let student = Rows {
            classes,
            ..Rows::alike(student.logits()?.clone(), self.probabilities())
        };
        let teachers = teachers.iter().map(|teacher| Ok(teacher.logits()?.clone()));
        let teachers = teachers.collect::<Result<_, TaskError>>()?;
        Ok(vec![RowSet::new(student, teachers)?])
    }

    /// Images of a batch may have different sizes if the task says of which number padded sides are multiples; they are then measured
    /// as they are in their files.
    fn pads_to(&self) -> Option<usize> {
        None
    }

    /// Measures a network on images, from none on.
    fn evaluator(&self) -> Box<dyn Evaluator>;

    /// The probability that a network gives to the target of each image.
    ///
    /// # Errors
    /// Outputs or targets of another kind.
    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError>;

    /// What a network says of each image. Of a detector these are all its detections, those of low scores as well.
    ///
    /// # Errors
    /// Outputs of another kind.
    fn predictions(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<Prediction>, TaskError>;

    /// The headline of a network that knows only how often each class is shown: `shown` of so many `images` show it.
    fn chance(&self, shown: &[usize], images: usize) -> f64;

    /// A target in words, for the caption of a picture.
    fn describe(&self, target: &Target) -> String;
}

/// Where in a run a training step is: what its random draws start from.
#[derive(Debug, Clone, Copy)]
pub struct TermContext<'a> {
    /// The seed of the run.
    pub seed: Seed,
    /// The epoch and the step in it, from 0.
    pub counters: [u64; 2],
    /// The index of each image in the training images. Images that an augmentation made of the batch come first.
    pub indices: &'a [usize],
    /// Which way the losses point.
    pub sense: Sense,
}

impl TermContext<'static> {
    /// For losses that draw nothing, and for tests.
    pub fn undrawn() -> Self {
        Self {
            seed: Seed::new(0),
            counters: [0, 0],
            indices: &[],
            sense: Sense::Usual,
        }
    }
}

/// Gathers what a network gives for the test images.
pub trait Evaluator {
    /// Adds the images of a batch.
    ///
    /// # Errors
    /// Outputs or targets of another kind.
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError>;

    /// The metrics of all images so far.
    fn finish(&self) -> Metrics;

    /// What there is to tell beyond metrics: by class, and the `worst` images. Their files are left empty: only the data set knows
    /// them.
    fn details(&self, _worst: usize) -> Details {
        Details::default()
    }
}

/// What a task has to know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskOptions {
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// How much of each target is given to what is not the case, from 0 to below 1.
    pub label_smoothing: f64,
    /// How much each class counts in the loss of classification, in the order of the labels; all alike if `None`.
    pub class_weights: Option<Vec<f64>>,
}

/// The task of this kind.
pub fn task(kind: TaskKind, options: TaskOptions) -> Arc<dyn Task> {
    match kind {
        TaskKind::Classification => Arc::new(Classification::new(options)),
        TaskKind::MultiLabel => Arc::new(MultiLabel::new(options)),
        TaskKind::Segmentation => Arc::new(Segmentation::new(options)),
        TaskKind::Detection => Arc::new(DetectionTask::new(options)),
        TaskKind::InstanceSegmentation => Arc::new(InstanceSegmentation::new(options)),
    }
}

/// Whether a network with so many answers serves a task of so many classes. A segmenter may have one answer more, for pixels that are
/// nothing: void is no class of the data.
pub fn fits_classes(kind: TaskKind, answers: usize, classes: usize) -> bool {
    let has_void = kind == TaskKind::Segmentation && answers == classes + 1;
    answers == classes || has_void
}

/// The names of these classes; a number for a class without a name.
pub(crate) fn names(known: &[String], classes: &[u32]) -> String {
    let name = |class: &u32| match known.get(*class as usize) {
        Some(name) => name.clone(),
        None => class.to_string(),
    };
    classes.iter().map(name).collect::<Vec<_>>().join(", ")
}
