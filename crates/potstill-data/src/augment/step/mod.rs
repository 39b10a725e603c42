//! The steps of a pipeline, their settings, and the draws of one.

mod affine;
mod check;
mod draw;
mod sizes;
mod text;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(super) use self::affine::about_middle;
use super::resample::Interpolation;
use crate::DataError;

/// One step; the [module](super) has the table.
///
/// ```
/// use potstill_data::{Augment, augment::{PadMode, Size, Step}};
/// let crop = Step::PadCrop { pad: 4, mode: PadMode::Reflect };
/// let augment = Augment::new(vec![Step::resize(Size::Sides([40, 60])), crop, Step::Flip])?;
/// assert_eq!(augment.output_shape([100, 200, 3]), [40, 60, 3]);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Mirrors left-right, half of the images.
    Flip,
    /// Pads each side, then cuts a window of the old size at a random place (He et al. 2016, section 4.2).
    PadCrop {
        /// Pixels on each side.
        pad: usize,
        /// What the padding holds.
        #[serde(default)]
        mode: PadMode,
    },
    /// A random window, scaled (Szegedy et al. 2015, section 6; the draws are torchvision's).
    RandomResizedCrop {
        /// Height and width of the result.
        size: Size,
        /// Least and greatest share of the area, in `(0, 1]`.
        #[serde(default = "default_scale")]
        scale: [f64; 2],
        /// Least and greatest width / height.
        #[serde(default = "default_ratio")]
        ratio: [f64; 2],
        /// How the window is scaled.
        #[serde(default)]
        interpolation: Interpolation,
    },
    /// Scales whatever the proportions.
    Resize {
        /// Height and width of the result.
        size: Size,
        /// How.
        #[serde(default)]
        interpolation: Interpolation,
    },
    /// Scales so that the shorter side has this many pixels; the other is rounded down, as in torchvision.
    ResizeShorter {
        /// The shorter side of the result.
        size: usize,
        /// How.
        #[serde(default)]
        interpolation: Interpolation,
    },
    /// Turns, moves, scales and shears about the middle, all at random; what lies outside is black.
    Affine {
        /// The greatest angle either way, in degrees.
        #[serde(default)]
        degrees: f64,
        /// The greatest way in each direction, as a share of the side.
        #[serde(default)]
        translate: f64,
        /// Least and greatest factor.
        #[serde(default = "same_size")]
        scale: [f64; 2],
        /// The greatest angle of a shear along x either way, in degrees.
        #[serde(default)]
        shear: f64,
    },
    /// Cuts the middle.
    #[serde(alias = "center-crop")]
    CentreCrop {
        /// Height and width of the result.
        size: Size,
    },
    /// Scales so that the shorter side has one of these lengths, drawn, unless the longer side would have more than `longer`: the input of
    /// detectors (torchvision's `GeneralizedRCNNTransform`, Detectron2's `ResizeShortestEdge`). Sides are rounded down.
    ResizeRange {
        /// The lengths that are drawn from; test images have the last.
        shorter: Lengths,
        /// The greatest length of the longer side.
        longer: usize,
        /// How.
        #[serde(default = "plain")]
        interpolation: Interpolation,
    },
    /// Scales both sides by a factor, drawn: for segmentation, before a `crop` (`RandomResize` of `MMSegmentation`).
    ScaleJitter {
        /// Least and greatest factor.
        range: [f64; 2],
        /// How.
        #[serde(default = "plain")]
        interpolation: Interpolation,
    },
    /// Cuts a window at a random place; what a smaller image lacks to the right and below is padding: black, and ignored by label maps.
    /// An object stays if its centre is inside, or enough of it.
    Crop {
        /// Height and width of the result.
        size: Size,
        /// Where images have label maps: up to ten windows are drawn until no class fills more than this share of what is labelled
        /// (`MMSegmentation`).
        #[serde(default)]
        cat_max_ratio: Option<f64>,
    },
    /// Changes brightness, contrast, saturation and hue, each half of the time (Liu et al. 2016; `PhotoMetricDistortion` of `MMSegmentation`).
    Photometric {
        /// The greatest change of brightness either way, of 255 levels.
        #[serde(default = "default_brightness")]
        brightness: f64,
        /// Least and greatest factor of contrast.
        #[serde(default = "default_factors")]
        contrast: [f64; 2],
        /// Least and greatest factor of saturation.
        #[serde(default = "default_factors")]
        saturation: [f64; 2],
        /// The greatest turn of the hue either way, in degrees.
        #[serde(default = "default_hue")]
        hue: f64,
    },
    /// A window that shows an object by a drawn share at least (Liu et al. 2016; `RandomIoUCrop` of torchvision). Objects stay whose centre
    /// is inside.
    SsdCrop {
        /// The window's sides as shares of the image's, at least; at most all of it.
        #[serde(default = "default_ssd_scale")]
        scale: f64,
        /// Least and greatest width / height of the window, in pixels.
        #[serde(default = "default_ssd_aspect")]
        aspect: [f64; 2],
    },
    /// Half of the time a canvas that is larger by a drawn factor, with the image at a random place (Liu et al. 2016).
    ZoomOut {
        /// The greatest factor.
        #[serde(default = "default_zoom")]
        most: f64,
        /// The level of the canvas, of 255.
        #[serde(default)]
        fill: u8,
    },
    /// Half of the time a window of 75 to 100 % of each side, else a grey canvas of 100 to 125 % (`FastestDet`).
    NarrowCrop {
        /// The level of the canvas, of 255.
        #[serde(default = "default_narrow_fill")]
        fill: u8,
    },
    /// The strong view of `FixMatch` (Sohn et al. 2020): so many of fourteen operations at random strengths, each half of the time, and a grey square. Images
    /// keep their classes; what has a place in them would be lost.
    FixMatch {
        /// How many operations are drawn.
        #[serde(default = "default_operations")]
        operations: usize,
        /// The sides of the square, as shares of the image's; 0 for none.
        #[serde(default = "default_cutout")]
        cutout: f64,
    },
    /// Scales with its proportions into a frame, and fills the rest on both sides (YOLO).
    Letterbox {
        /// Height and width of the result.
        size: Size,
        /// The level of the frame, of 255.
        #[serde(default = "default_letterbox_fill")]
        fill: u8,
        /// How.
        #[serde(default = "plain")]
        interpolation: Interpolation,
    },
}

/// What padding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PadMode {
    /// Black.
    #[default]
    Zero,
    /// The picture mirrored at its outermost pixels, which are not repeated.
    Reflect,
}

/// Height and width: in a recipe one number for a square, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// Height and width alike.
    Square(usize),
    /// `[height, width]`.
    Sides([usize; 2]),
}

impl Size {
    /// `[height, width]`.
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Sides(sides) => sides,
        }
    }
}

/// One length, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lengths {
    /// This one.
    One(usize),
    /// One of these.
    Several(Vec<usize>),
}

impl Lengths {
    /// All of them.
    pub fn all(&self) -> &[usize] {
        match self {
            Self::One(length) => std::slice::from_ref(length),
            Self::Several(lengths) => lengths,
        }
    }

    /// The one of test images.
    fn last(&self) -> usize {
        self.all().last().copied().unwrap_or(1)
    }
}

/// No image is greater, so a greater number is a mistake, and better told than run out of memory over.
const MAX_SIDE: usize = 1 << 14;

fn default_scale() -> [f64; 2] {
    [0.08, 1.0]
}

fn default_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

fn same_size() -> [f64; 2] {
    [1.0; 2]
}

/// Detectors and segmenters scale without a wider filter.
fn plain() -> Interpolation {
    Interpolation::BilinearPlain
}

fn default_brightness() -> f64 {
    32.0
}

fn default_factors() -> [f64; 2] {
    [0.5, 1.5]
}

fn default_hue() -> f64 {
    18.0
}

fn default_ssd_scale() -> f64 {
    0.3
}

fn default_ssd_aspect() -> [f64; 2] {
    [0.5, 2.0]
}

fn default_zoom() -> f64 {
    4.0
}

fn default_narrow_fill() -> u8 {
    128
}

fn default_operations() -> usize {
    2
}

fn default_cutout() -> f64 {
    0.5
}

fn default_letterbox_fill() -> u8 {
    114
}

impl Step {
    /// [`Step::Resize`], bilinear.
    pub fn resize(size: Size) -> Self {
        Self::Resize {
            size,
            interpolation: Interpolation::Bilinear,
        }
    }

    /// [`Step::FixMatch`] as it is usual.
    pub fn fix_match() -> Self {
        Self::FixMatch {
            operations: default_operations(),
            cutout: default_cutout(),
        }
    }

    /// [`Step::ResizeShorter`], bilinear.
    pub fn resize_shorter(size: usize) -> Self {
        Self::ResizeShorter {
            size,
            interpolation: Interpolation::Bilinear,
        }
    }

    /// The name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::PadCrop { .. } => "pad-crop",
            Self::RandomResizedCrop { .. } => "random-resized-crop",
            Self::Resize { .. } => "resize",
            Self::ResizeShorter { .. } => "resize-shorter",
            Self::Affine { .. } => "affine",
            Self::CentreCrop { .. } => "centre-crop",
            Self::ResizeRange { .. } => "resize-range",
            Self::ScaleJitter { .. } => "scale-jitter",
            Self::Crop { .. } => "crop",
            Self::Photometric { .. } => "photometric",
            Self::SsdCrop { .. } => "ssd-crop",
            Self::ZoomOut { .. } => "zoom-out",
            Self::NarrowCrop { .. } => "narrow-crop",
            Self::FixMatch { .. } => "fix-match",
            Self::Letterbox { .. } => "letterbox",
        }
    }

    fn error(&self, problem: String) -> DataError {
        DataError::Augment {
            step: self.name(),
            problem,
        }
    }
}
