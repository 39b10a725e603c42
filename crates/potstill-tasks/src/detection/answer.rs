//! What a detector finds, in pixels of an image's file.

use potstill_data::{Batch, BoundingBox, LabelledBox, Target};
use potstill_detection::{Corners, Found};
use potstill_models::Detections;

use crate::Prediction;

/// What is found in each image of a batch, by falling score, in pixels of the image's file where the batch knows its size.
pub(crate) fn found_in_files(detections: &Detections, batch: &Batch) -> Vec<Vec<Found>> {
    let found = detections.found(&batch.valid);
    let in_file = |(image, found): (usize, Vec<Found>)| {
        let (from, to) = (batch.valid[image], size_of_file(batch, image));
        let moved = |one: Found| Found {
            corners: resized(one.corners, from, to),
            ..one
        };
        found.into_iter().map(moved).collect()
    };
    found.into_iter().enumerate().map(in_file).collect()
}

/// Height and width of an image's file, or of the image where the batch does not know it.
pub(crate) fn size_of_file(batch: &Batch, image: usize) -> [usize; 2] {
    batch
        .truth
        .get(image)
        .map_or(batch.valid[image], |truth| truth.size)
}

/// What is true of an image, as it is in its file where the batch knows it.
pub(crate) fn truth(batch: &Batch, image: usize) -> &Target {
    batch
        .truth
        .get(image)
        .map_or(&batch.targets[image], |truth| &truth.target)
}

/// A box in an image of `from` rows and columns, in the same image of `to`.
pub(crate) fn resized([left, top, right, bottom]: Corners, from: [usize; 2], to: [usize; 2]) -> Corners {
    let [down, across] = [0, 1].map(|axis| to[axis] as f32 / from[axis].max(1) as f32);
    [left * across, top * down, right * across, bottom * down]
}

/// What was found in an image, as an answer.
pub(crate) fn prediction(found: &[Found]) -> Prediction {
    let labelled = |one: &Found| {
        let [left, top, right, bottom] = one.corners.map(f64::from);
        LabelledBox::new(one.class as u32, BoundingBox::new(left, top, right, bottom))
    };
    Prediction {
        target: Target::Boxes(found.iter().map(labelled).collect()),
        scores: found.iter().map(|one| one.score).collect(),
    }
}
