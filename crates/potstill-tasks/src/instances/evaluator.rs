//! The measurements of outlined objects: COCO's average precision of their masks and of their boxes.

use potstill_data::{Batch, DataError, Instance, Target, TargetKind};
use potstill_metrics::{
    Details, Metrics, RunMask,
    coco::{BOX_METRICS, Detection, MASK_METRICS, Region, TrueObject},
};
use potstill_models::Outputs;

use super::answer::{Outlined, found_in_files};
use crate::{
    Evaluator, TaskError,
    detection::{
        answer::{size_of_file, truth},
        gathered::Gathered,
    },
};

/// Gathers what is true of each image and what was found in it, in pixels of the images' files where the batches know their sizes.
#[derive(Debug, Default)]
pub(super) struct InstancePrecision {
    names: Vec<String>,
    classes: usize,
    boxes: Gathered,
    masks: Gathered,
}

impl InstancePrecision {
    /// Of classes that are called so.
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            classes: names.len(),
            ..Self::default()
        }
    }

    fn add_object(&mut self, image: usize, object: &Instance, size: [usize; 2]) {
        let mask = RunMask::from_rows(size, &object.shape.mask(size).inside);
        let bounds = &object.bounds;
        let sides = [bounds.left, bounds.top, bounds.width(), bounds.height()];
        // Ranges of area go by the mask, also where boxes are measured.
        let area = object.notes.area.unwrap_or(mask.area() as f64);
        let truth = |region| TrueObject {
            image,
            class: object.class as usize,
            region,
            area,
            crowd: object.notes.crowd,
        };
        self.boxes.add_truth([truth(Region::Box(sides))]);
        self.masks.add_truth([truth(Region::Mask(mask))]);
    }

    fn add_detection(&mut self, image: usize, one: &Outlined, size: [usize; 2]) {
        let [left, top, right, bottom] = one.found.corners.map(f64::from);
        let detection = |region: Region| Detection {
            image,
            class: one.found.class,
            area: region.area(),
            region,
            score: f64::from(one.found.score),
        };
        let sides = [left, top, right - left, bottom - top];
        self.boxes.add_found([detection(Region::Box(sides))]);
        let mask = RunMask::from_rows(size, &one.mask.inside);
        self.masks.add_found([detection(Region::Mask(mask))]);
    }
}

impl Evaluator for InstancePrecision {
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError> {
        let regions = outputs.outlined()?;
        if self.names.is_empty() {
            self.classes = regions.heads.classes();
        }
        for (at, found) in found_in_files(regions, batch).iter().enumerate() {
            let (image, size) = (batch.indices[at], size_of_file(batch, at));
            for object in instances(truth(batch, at))? {
                self.add_object(image, object, size);
            }
            for one in found {
                self.add_detection(image, one, size);
            }
        }
        Ok(())
    }

    fn finish(&self) -> Metrics {
        let mut all = self.masks.scores(self.classes).metrics(&MASK_METRICS);
        let boxes = self.boxes.scores(self.classes).metrics(&BOX_METRICS);
        boxes.iter().for_each(|(name, value)| all.insert(name, value));
        all
    }

    /// The average precision of the masks of each class.
    fn details(&self, _: usize) -> Details {
        Details {
            by_class: self.masks.by_class(&self.names, self.classes),
            ..Details::default()
        }
    }
}

fn instances(target: &Target) -> Result<&[Instance], TaskError> {
    match target {
        Target::Instances(instances) => Ok(instances),
        other => Err(TaskError::Data(DataError::TargetKind {
            wanted: TargetKind::Instances,
            found: other.kind(),
        })),
    }
}
