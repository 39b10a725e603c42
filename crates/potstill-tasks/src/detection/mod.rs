//! **Detection**: every image has objects, each with a class and a box.
//!
//! The losses are those of the detector's kind, reduced as torchvision reduces them; the headline is COCO's average precision.

pub(crate) mod answer;
mod columns;
mod decoded;
mod default_box_loss;
mod dense_loss;
mod evaluator;
pub(crate) mod gathered;
mod losses;
mod objects;
mod one_scale_loss;
mod overlap_loss;
mod places;
pub mod regions;
mod rows;
mod smooth_l1;

use burn::tensor::Device;
use potstill_data::{Batch, Target, TargetKind};
use potstill_detection::{Found, overlap};
use potstill_metrics::{MetricSet, coco::box_metric_set};
use potstill_models::{Detections, OutputKind, Outputs};

pub use decoded::decoded_corners;
pub use default_box_loss::default_box_losses;
pub use dense_loss::{AnchorOutputs, fcos_losses, retinanet_losses};
pub use objects::{ImageObjects, ObjectTargets};
pub use one_scale_loss::{ONE_SCALE_WEIGHTS, one_scale_losses};
pub use overlap_loss::overlap_losses;
pub use smooth_l1::smooth_l1;

use self::{
    answer::{found_in_files, prediction},
    evaluator::Boxes,
};
use crate::{
    Evaluator, LossTerm, Prediction, Probabilities, RowSet, Targets, Task, TaskError, TaskKind, TaskOptions,
    TermContext, partial_targets::objects_of_all, task::names,
};

/// Sides of padded images are multiples of this, so that the levels of a pyramid fit over one another.
pub(crate) const MULTIPLE: usize = 32;

/// By how much a detection must overlap an object to have found it, where one number is asked for.
const FOUND: f32 = 0.5;

/// The task of finding objects by boxes.
#[derive(Debug, Clone, Default)]
pub struct DetectionTask {
    options: TaskOptions,
}

impl DetectionTask {
    /// Detection of these classes.
    pub fn new(options: TaskOptions) -> Self {
        Self { options }
    }
}

impl Task for DetectionTask {
    fn kind(&self) -> TaskKind {
        TaskKind::Detection
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Boxes
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Boxes
    }

    fn pads_to(&self) -> Option<usize> {
        Some(MULTIPLE)
    }

    fn probabilities(&self) -> Probabilities {
        Probabilities::Sigmoid
    }

    fn metrics(&self) -> MetricSet {
        box_metric_set()
    }

    fn targets(&self, batch: &Batch, _: &Device) -> Result<Targets, TaskError> {
        let classes = self.options.classes.len();
        Ok(Targets::Objects(ObjectTargets::of(batch, classes)?))
    }

    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError> {
        losses::terms(outputs.detections()?, targets.objects()?, context)
    }

    fn rows(
        &self,
        student: &Outputs,
        teachers: &[&Outputs],
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<RowSet>, TaskError> {
        let teachers = teachers.iter().map(|teacher| teacher.detections());
        let teachers: Vec<&Detections> = teachers.collect::<Result<_, _>>()?;
        let student = student.detections()?;
        match student.regions() {
            Some(own) => {
                let objects = objects_of_all(targets)?;
                let mut rows = regions::rows(own, &teachers, &objects, context)?;
                if matches!(targets, Targets::Partial(_)) {
                    // What is no object in an image without labels may be one.
                    rows.student.classes = None;
                }
                Ok(vec![rows])
            }
            None => places::rows(student, &teachers),
        }
    }

    fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(Boxes::of(&self.options.classes))
    }

    /// The mean over the objects of an image of the score of the best detection that finds it; NaN for an image without objects.
    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError> {
        let found = outputs.detections()?.found(&batch.valid);
        let objects = ObjectTargets::of(batch, usize::MAX)?;
        let of_image = |(objects, found): (&ImageObjects, &Vec<Found>)| {
            let best = objects
                .boxes
                .iter()
                .zip(&objects.classes)
                .map(|(corners, class)| {
                    let finds = |one: &&Found| one.class == *class && overlap(one.corners, *corners) >= FOUND;
                    found.iter().find(finds).map_or(0.0, |one| f64::from(one.score))
                });
            best.sum::<f64>() / objects.boxes.len() as f64
        };
        Ok(objects.images.iter().zip(&found).map(of_image).collect())
    }

    fn predictions(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<Prediction>, TaskError> {
        let found = found_in_files(outputs.detections()?, batch);
        Ok(found.iter().map(|found| prediction(found)).collect())
    }

    /// Where an object is cannot be told without looking.
    fn chance(&self, _: &[usize], _: usize) -> f64 {
        0.0
    }

    fn describe(&self, target: &Target) -> String {
        match &target.classes()[..] {
            [] => "nothing".into(),
            classes => names(&self.options.classes, classes),
        }
    }
}
