//! Objects and detections of all images, on their way to COCO's average precision.

use std::{cell::OnceCell, collections::BTreeSet};

use potstill_metrics::{
    ClassResult,
    coco::{CocoScores, Detection, TrueObject, average_precision},
};

/// All objects and all detections, by their boxes or by their masks. They are matched once, however often one asks.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    truth: Vec<TrueObject>,
    found: Vec<Detection>,
    scores: OnceCell<CocoScores>,
}

impl Gathered {
    /// Adds objects of an image.
    pub fn add_truth(&mut self, objects: impl IntoIterator<Item = TrueObject>) {
        self.scores.take();
        self.truth.extend(objects);
    }

    /// Adds detections of an image.
    pub fn add_found(&mut self, detections: impl IntoIterator<Item = Detection>) {
        self.scores.take();
        self.found.extend(detections);
    }

    /// The scores over so many classes.
    pub fn scores(&self, classes: usize) -> &CocoScores {
        self.scores
            .get_or_init(|| average_precision(&self.truth, &self.found, classes))
    }

    /// The average precision of each of so many classes that has a name and objects.
    pub fn by_class(&self, names: &[String], classes: usize) -> Vec<ClassResult> {
        let classes = names.iter().zip(&self.scores(classes).classes).enumerate();
        let result = |(class, (name, scores)): (usize, (&String, &potstill_metrics::coco::ClassScores))| {
            Some(ClassResult {
                class: name.clone(),
                images: self.images_of(class),
                accuracy: None,
                average_precision: Some(scores.percent()?),
                iou: None,
            })
        };
        classes.filter_map(result).collect()
    }

    /// Images that show a class.
    fn images_of(&self, class: usize) -> u64 {
        let objects = self.truth.iter().filter(|object| object.class == class);
        objects.map(|object| object.image).collect::<BTreeSet<_>>().len() as u64
    }
}
