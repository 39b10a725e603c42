//! **Instance segmentation**: every image has objects, each with its class, its box and its outline.
//!
//! The losses are those of a two-stage detector and of its masks ([`crate::detection::regions`]); the headline is COCO's average precision of
//! the masks.

mod answer;
mod evaluator;

use burn::tensor::Device;
use potstill_data::{Batch, DataError, Target, TargetKind};
use potstill_metrics::{MetricSet, coco::mask_metric_set};
use potstill_models::{OutputKind, Outputs};

use self::{answer::found_in_files, evaluator::InstancePrecision};
use crate::{
    DetectionTask, Evaluator, LossTerm, Prediction, Probabilities, RowSet, Targets, Task, TaskError,
    TaskKind, TaskOptions, TermContext,
};

/// The task of finding objects, and outlining them.
#[derive(Debug, Clone, Default)]
pub struct InstanceSegmentation {
    options: TaskOptions,
    /// What concerns boxes alone.
    boxes: DetectionTask,
}

impl InstanceSegmentation {
    /// Instance segmentation of these classes.
    pub fn new(options: TaskOptions) -> Self {
        Self {
            boxes: DetectionTask::new(options.clone()),
            options,
        }
    }
}

impl Task for InstanceSegmentation {
    fn kind(&self) -> TaskKind {
        TaskKind::InstanceSegmentation
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Instances
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Masks
    }

    fn pads_to(&self) -> Option<usize> {
        self.boxes.pads_to()
    }

    /// Of the regions, whose classes exclude each other.
    fn probabilities(&self) -> Probabilities {
        Probabilities::Softmax
    }

    fn metrics(&self) -> MetricSet {
        mask_metric_set()
    }

    fn targets(&self, batch: &Batch, device: &Device) -> Result<Targets, TaskError> {
        let is_other = |target: &&Target| target.kind() != TargetKind::Instances;
        match batch.targets.iter().find(is_other) {
            Some(other) => Err(TaskError::Data(DataError::TargetKind {
                wanted: TargetKind::Instances,
                found: other.kind(),
            })),
            None => self.boxes.targets(batch, device),
        }
    }

    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError> {
        // Outputs without masks are refused by name.
        outputs.outlined()?;
        self.boxes.terms(outputs, targets, context)
    }

    fn rows(
        &self,
        student: &Outputs,
        teachers: &[&Outputs],
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<RowSet>, TaskError> {
        self.boxes.rows(student, teachers, targets, context)
    }

    fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(InstancePrecision::of(&self.options.classes))
    }

    /// As for detection: by boxes.
    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError> {
        self.boxes.confidence(outputs, batch)
    }

    /// Every detection with its pixels in the image's file.
    fn predictions(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<Prediction>, TaskError> {
        let found = found_in_files(outputs.outlined()?, batch);
        Ok(found.iter().map(|found| answer::prediction(found)).collect())
    }

    fn chance(&self, shown: &[usize], images: usize) -> f64 {
        self.boxes.chance(shown, images)
    }

    fn describe(&self, target: &Target) -> String {
        self.boxes.describe(target)
    }
}
