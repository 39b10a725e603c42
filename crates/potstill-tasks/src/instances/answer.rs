//! What a detector finds and outlines, in pixels of an image's file.

use potstill_data::{Batch, BoundingBox, Instance, InstanceShape, Mask, Target};
use potstill_detection::{Found, paste};
use potstill_models::RegionDetections;

use crate::{
    Prediction,
    detection::answer::{resized, size_of_file},
};

/// A pixel whose probability is at least this belongs to the object.
const INSIDE: f32 = 0.5;

/// A detection with its pixels.
#[derive(Debug)]
pub(super) struct Outlined {
    pub found: Found,
    pub mask: Mask,
}

/// What is found in each image of a batch, by falling score, in pixels of the image's file where the batch knows its size.
pub(super) fn found_in_files(regions: &RegionDetections, batch: &Batch) -> Vec<Vec<Outlined>> {
    let found = regions.detections(&batch.valid).into_iter().enumerate();
    let of_image = |(image, found): (usize, Vec<_>)| {
        let (from, to) = (batch.valid[image], size_of_file(batch, image));
        let outlined = found.into_iter().map(|one: potstill_models::FoundRegion| {
            let corners = resized(one.found.corners, from, to);
            let square = one.mask.unwrap_or_default();
            let pixels = paste(&square, square.len().isqrt(), corners, to);
            let [height, width] = to;
            Outlined {
                found: Found { corners, ..one.found },
                mask: Mask {
                    height,
                    width,
                    inside: pixels.into_iter().map(|value| value >= INSIDE).collect(),
                },
            }
        });
        outlined.collect()
    };
    found.map(of_image).collect()
}

/// What was found in an image, as an answer.
pub(super) fn prediction(found: &[Outlined]) -> Prediction {
    let instance = |one: &Outlined| {
        let [left, top, right, bottom] = one.found.corners.map(f64::from);
        let bounds = BoundingBox::new(left, top, right, bottom);
        Instance::new(
            one.found.class as u32,
            bounds,
            InstanceShape::Mask(one.mask.clone()),
        )
    };
    Prediction {
        target: Target::Instances(found.iter().map(instance).collect()),
        scores: found.iter().map(|one| one.found.score).collect(),
    }
}
