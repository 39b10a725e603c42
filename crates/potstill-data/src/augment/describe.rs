//! Steps in words, for the line that says what is done to images.

use std::fmt;

use super::resample::Interpolation;
use super::step::{Size, Step};

/// `32x32`, height and width.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.sides();
        write!(f, "{height}x{width}")
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        })
    }
}

/// The name of a step and what matters of its settings: `resize-shorter 256 (bilinear)`, `centre-crop 224x224`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Flip | Self::Affine { .. } => f.write_str(name),
            Self::PadCrop { pad, .. } => write!(f, "{name} {pad}"),
            Self::RandomResizedCrop {
                size, interpolation, ..
            }
            | Self::Resize { size, interpolation } => write!(f, "{name} {size} ({interpolation})"),
            Self::ResizeShorter { size, interpolation } => write!(f, "{name} {size} ({interpolation})"),
            Self::CentreCrop { size } => write!(f, "{name} {size}"),
        }
    }
}
