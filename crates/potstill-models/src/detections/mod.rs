//! What detectors give: boxes of objects, not yet chosen from.

mod regions;

use potstill_detection::Found;

pub use regions::{FoundRegion, RegionDetections, RegionRules};

/// What a detector gives for a batch of N images, with how it is to be read.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "it is boxed where it is kept")]
pub enum Detections {
    /// Of a two-stage detector: Faster R-CNN, Mask R-CNN.
    Regions(RegionDetections),
}

impl Detections {
    /// The number of classes K.
    pub fn classes(&self) -> usize {
        match self {
            Self::Regions(regions) => regions.heads.classes(),
        }
    }

    /// Whether objects have outlines.
    pub fn has_masks(&self) -> bool {
        match self {
            Self::Regions(regions) => regions.heads.has_masks(),
        }
    }

    /// The detections in each image, by falling score, in pixels of the image of this size `[H, W]` before padding. Classes count from 0.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        match self {
            Self::Regions(regions) => regions.found(sizes),
        }
    }

    /// Those of a two-stage detector; `None` of any other.
    pub fn regions(&self) -> Option<&RegionDetections> {
        match self {
            Self::Regions(regions) => Some(regions),
        }
    }

    /// The same values on the plain device: constants, through which no gradient goes.
    #[must_use]
    pub fn detached(self) -> Self {
        match self {
            Self::Regions(regions) => Self::Regions(regions.detached()),
        }
    }
}
