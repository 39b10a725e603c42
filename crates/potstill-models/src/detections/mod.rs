//! What detectors give: boxes of objects, not yet chosen from.

mod cells;
mod default_boxes;
mod dense;
mod facts;
mod late_pass;
mod layout;
mod of_images;
mod places;
mod regions;

use burn::tensor::Tensor;
use potstill_detection::Found;

pub use cells::{CellDetections, CellMaps};
pub use default_boxes::{BoxMaps, DefaultBoxDetections};
pub use dense::{DenseDetections, DenseLearning, DenseLevelOutputs, DenseRules};
pub use facts::DetectorFacts;
pub use late_pass::LatePass;
pub use layout::{DetectorKind, ScoreLayout};
pub use places::PlaceDetections;
pub use regions::{FoundRegion, RegionDetections, RegionRules};

/// What a detector gives for a batch of N images, with how it is to be read.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "it is boxed where it is kept")]
pub enum Detections {
    /// Of a two-stage detector: Faster R-CNN, Mask R-CNN.
    Regions(RegionDetections),
    /// Of a one-stage detector with a pyramid: RetinaNet, FCOS.
    Dense(DenseDetections),
    /// Of a detector with one map of cells: FastestDet.
    Cells(CellDetections),
    /// Of a detector with default boxes: SSDLite.
    DefaultBoxes(DefaultBoxDetections),
    /// Of one whose boxes are not read.
    Places(PlaceDetections),
}

impl Detections {
    /// The number of classes K.
    pub fn classes(&self) -> usize {
        match self {
            Self::Regions(regions) => regions.heads.classes(),
            Self::Dense(dense) => dense.classes(),
            Self::Cells(cells) => cells.classes(),
            Self::DefaultBoxes(boxes) => boxes.classes(),
            Self::Places(places) => places.classes,
        }
    }

    /// Whether objects have outlines.
    pub fn has_masks(&self) -> bool {
        match self {
            Self::Regions(regions) => regions.heads.has_masks(),
            Self::Dense(_) | Self::Cells(_) | Self::DefaultBoxes(_) | Self::Places(_) => false,
        }
    }

    /// The detections in each image, by falling score, in pixels of the image of this size `[H, W]` before padding. Classes count from 0.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        match self {
            Self::Regions(regions) => regions.found(sizes),
            Self::Dense(dense) => dense.found(sizes),
            Self::Cells(cells) => cells.found(sizes),
            Self::DefaultBoxes(boxes) => boxes.found(sizes),
            Self::Places(_) => vec![Vec::new(); sizes.len()],
        }
    }

    /// Those of a two-stage detector; `None` of any other.
    pub fn regions(&self) -> Option<&RegionDetections> {
        match self {
            Self::Regions(regions) => Some(regions),
            Self::Dense(_) | Self::Cells(_) | Self::DefaultBoxes(_) | Self::Places(_) => None,
        }
    }

    /// The same values on the plain device: constants, through which no gradient goes.
    #[must_use]
    pub fn detached(self) -> Self {
        match self {
            Self::Regions(regions) => Self::Regions(regions.detached()),
            Self::Dense(dense) => Self::Dense(dense.detached()),
            Self::Cells(cells) => Self::Cells(cells.detached()),
            Self::DefaultBoxes(boxes) => Self::DefaultBoxes(boxes.detached()),
            Self::Places(places) => Self::Places(places.detached()),
        }
    }
}

/// The values of a tensor, row by row, in single precision.
fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().into_data().iter::<f32>().collect()
}
