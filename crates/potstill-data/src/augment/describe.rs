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
            Self::BilinearPlain => "bilinear-plain",
            Self::Bicubic => "bicubic",
        })
    }
}

/// The name of a step and what matters of its settings: `resize-shorter 256 (bilinear)`, `centre-crop 224x224`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Flip
            | Self::Affine { .. }
            | Self::Photometric { .. }
            | Self::FixMatch { .. }
            | Self::SsdCrop { .. }
            | Self::NarrowCrop { .. } => f.write_str(name),
            Self::ZoomOut { most, .. } => write!(f, "{name} {most}"),
            Self::ResizeRange {
                shorter,
                longer,
                interpolation,
            } => {
                let lengths: Vec<String> = shorter.all().iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{name} {} at most {longer} ({interpolation})",
                    lengths.join(", ")
                )
            }
            Self::ScaleJitter { range, .. } => write!(f, "{name} {} to {}", range[0], range[1]),
            Self::PadCrop { pad, .. } => write!(f, "{name} {pad}"),
            Self::RandomResizedCrop {
                size, interpolation, ..
            }
            | Self::Resize { size, interpolation }
            | Self::Letterbox {
                size, interpolation, ..
            } => write!(f, "{name} {size} ({interpolation})"),
            Self::ResizeShorter { size, interpolation } => write!(f, "{name} {size} ({interpolation})"),
            Self::CentreCrop { size } | Self::Crop { size, .. } => write!(f, "{name} {size}"),
        }
    }
}
