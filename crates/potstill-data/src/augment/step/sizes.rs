//! What a step does to the size of an image, and what stays of it for test images.

use super::{Lengths, Step};
use crate::augment::{resample, window};

impl Step {
    /// What stays of it where nothing may be random.
    pub(in crate::augment) fn for_evaluation(&self) -> Option<Self> {
        match self {
            Self::Flip
            | Self::PadCrop { .. }
            | Self::Affine { .. }
            | Self::ScaleJitter { .. }
            | Self::Crop { .. }
            | Self::Photometric { .. }
            | Self::FixMatch { .. }
            | Self::SsdCrop { .. }
            | Self::ZoomOut { .. }
            | Self::NarrowCrop { .. } => None,
            // What the random windows show on average: all of the picture.
            &Self::RandomResizedCrop {
                size, interpolation, ..
            } => Some(Self::Resize { size, interpolation }),
            Self::ResizeRange {
                shorter,
                longer,
                interpolation,
            } => Some(Self::ResizeRange {
                shorter: match shorter.all() {
                    [_] => shorter.clone(),
                    _ => Lengths::One(shorter.last()),
                },
                longer: *longer,
                interpolation: *interpolation,
            }),
            fixed => Some(fixed.clone()),
        }
    }

    /// The `[height, width]` that an image of this size has after it; the greatest, where that is drawn.
    pub(in crate::augment) fn output_size(&self, input: [usize; 2]) -> [usize; 2] {
        let grown = |factor: f64| input.map(|side| (side as f64 * factor) as usize);
        match self {
            Self::Flip
            | Self::PadCrop { .. }
            | Self::Affine { .. }
            | Self::Photometric { .. }
            | Self::FixMatch { .. }
            | Self::SsdCrop { .. } => input,
            Self::ResizeShorter { size, .. } => resample::shorter_to(input, *size),
            Self::ResizeRange { shorter, longer, .. } => {
                let most = shorter.all().iter().max().copied().unwrap_or(1);
                window::shorter_within(input, most, *longer)
            }
            Self::ScaleJitter { range, .. } => window::jittered(input, range[1]),
            Self::ZoomOut { most, .. } => grown(*most),
            Self::NarrowCrop { .. } => grown(NARROW_MOST),
            Self::RandomResizedCrop { size, .. }
            | Self::Resize { size, .. }
            | Self::CentreCrop { size }
            | Self::Crop { size, .. }
            | Self::Letterbox { size, .. } => size.sides(),
        }
    }

    /// The `[height, width]` that every image has after it; `None` where that depends on the image.
    pub(in crate::augment) fn sets_size(&self) -> Option<[usize; 2]> {
        match self {
            Self::RandomResizedCrop { size, .. }
            | Self::Resize { size, .. }
            | Self::CentreCrop { size }
            | Self::Crop { size, .. }
            | Self::Letterbox { size, .. } => Some(size.sides()),
            _ => None,
        }
    }

    /// Whether images of one size have several sizes after it.
    pub(in crate::augment) fn draws_size(&self) -> bool {
        match self {
            Self::ResizeRange { shorter, .. } => shorter.all().len() > 1,
            Self::ScaleJitter { .. }
            | Self::SsdCrop { .. }
            | Self::ZoomOut { .. }
            | Self::NarrowCrop { .. } => true,
            _ => false,
        }
    }
}

/// The greatest canvas of `narrow-crop`, as a share of the image's sides.
pub(super) const NARROW_MOST: f64 = 1.25;
