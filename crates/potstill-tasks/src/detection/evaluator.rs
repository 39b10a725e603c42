//! The measurements of a detector: COCO's average precision of boxes.

use potstill_data::{Batch, BoundingBox, ObjectNotes, Target};
use potstill_metrics::{
    Details, Metrics,
    coco::{BOX_METRICS, Detection, Region, TrueObject},
};
use potstill_models::Outputs;

use super::{
    answer::{found_in_files, truth},
    gathered::Gathered,
};
use crate::{Evaluator, TaskError};

/// Gathers objects and detections, in pixels of the images' files where the batches know their sizes.
#[derive(Debug)]
pub(super) struct Boxes {
    names: Vec<String>,
    classes: usize,
    gathered: Gathered,
}

impl Boxes {
    /// Of classes that are called so.
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            classes: names.len(),
            gathered: Gathered::default(),
        }
    }
}

impl Evaluator for Boxes {
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError> {
        let detections = outputs.detections()?;
        if self.names.is_empty() {
            self.classes = detections.classes();
        }
        for (image, found) in found_in_files(detections, batch).into_iter().enumerate() {
            let index = batch.indices[image];
            self.gathered.add_truth(objects(truth(batch, image), index));
            let found = found.into_iter().map(|one| {
                let [left, top, right, bottom] = one.corners.map(f64::from);
                let region = Region::Box([left, top, right - left, bottom - top]);
                Detection {
                    image: index,
                    class: one.class,
                    area: region.area(),
                    region,
                    score: f64::from(one.score),
                }
            });
            self.gathered.add_found(found);
        }
        Ok(())
    }

    fn finish(&self) -> Metrics {
        self.gathered.scores(self.classes).metrics(&BOX_METRICS)
    }

    fn details(&self, _: usize) -> Details {
        Details {
            by_class: self.gathered.by_class(&self.names, self.classes),
            ..Details::default()
        }
    }
}

/// The objects of an image as they are measured against.
fn objects(target: &Target, image: usize) -> Vec<TrueObject> {
    let object = |class: u32, bounds: &BoundingBox, area: f64, notes: ObjectNotes| TrueObject {
        image,
        class: class as usize,
        region: Region::Box([bounds.left, bounds.top, bounds.width(), bounds.height()]),
        area: notes.area.unwrap_or(area),
        crowd: notes.crowd,
    };
    match target {
        Target::Boxes(boxes) => {
            let objects = boxes.iter();
            let objects = objects.map(|one| object(one.class, &one.bounds, one.bounds.area(), one.notes));
            objects.collect()
        }
        Target::Instances(instances) => {
            let objects = instances.iter();
            let objects = objects.map(|one| object(one.class, &one.bounds, one.shape.area(), one.notes));
            objects.collect()
        }
        _ => Vec::new(),
    }
}
