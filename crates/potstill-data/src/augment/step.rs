//! The steps of a pipeline, their settings, and the draws of one.

use potstill_random::Stream;
use serde::{Deserialize, Serialize};

use super::motion::Motion;
use super::window::{Window, random_window};
use super::{
    matrix::AffineMatrix,
    resample::{self, Interpolation},
};
use crate::{DataError, TargetKind};

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
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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

impl Step {
    /// [`Step::Resize`], bilinear.
    pub fn resize(size: Size) -> Self {
        Self::Resize {
            size,
            interpolation: Interpolation::Bilinear,
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
        }
    }

    /// What stays of it where nothing may be random.
    pub(super) fn for_evaluation(&self) -> Option<Self> {
        match *self {
            Self::Flip | Self::PadCrop { .. } | Self::Affine { .. } => None,
            // What the random windows show on average: all of the picture.
            Self::RandomResizedCrop {
                size, interpolation, ..
            } => Some(Self::Resize { size, interpolation }),
            ref fixed => Some(fixed.clone()),
        }
    }

    /// The `[height, width]` that an image of this size has after it.
    pub(super) fn output_size(&self, input: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Flip | Self::PadCrop { .. } | Self::Affine { .. } => input,
            Self::ResizeShorter { size, .. } => resample::shorter_to(input, *size),
            Self::RandomResizedCrop { size, .. } | Self::Resize { size, .. } | Self::CentreCrop { size } => {
                size.sides()
            }
        }
    }

    /// The `[height, width]` that every image has after it; `None` where that depends on the image.
    pub(super) fn sets_size(&self) -> Option<[usize; 2]> {
        match self {
            Self::Flip | Self::PadCrop { .. } | Self::Affine { .. } | Self::ResizeShorter { .. } => None,
            Self::RandomResizedCrop { size, .. } | Self::Resize { size, .. } | Self::CentreCrop { size } => {
                Some(size.sides())
            }
        }
    }

    /// Whether the settings can ever work.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let ordered = |[low, high]: [f64; 2]| 0.0 < low && low <= high && high.is_finite();
        let problem = match self {
            Self::PadCrop { pad, .. } if *pad > MAX_SIDE => format!("pad must be at most {MAX_SIDE}"),
            Self::RandomResizedCrop { scale, .. } if !ordered(*scale) || scale[1] > 1.0 => {
                format!("scale = {scale:?} needs two shares of the area, 0 < least <= greatest <= 1")
            }
            Self::RandomResizedCrop { ratio, .. } if !ordered(*ratio) => {
                format!("ratio = {ratio:?} needs two proportions, 0 < least <= greatest")
            }
            Self::RandomResizedCrop { size, .. } | Self::Resize { size, .. } | Self::CentreCrop { size }
                if !size.sides().iter().all(|side| (1..=MAX_SIDE).contains(side)) =>
            {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            Self::ResizeShorter { size, .. } if !(1..=MAX_SIDE).contains(size) => {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            Self::Affine { scale, .. } if !ordered(*scale) => {
                format!("scale = {scale:?} needs two factors, 0 < least <= greatest")
            }
            Self::Affine { degrees, .. } if !(0.0..=180.0).contains(degrees) => {
                format!("degrees = {degrees} must be between 0 and 180")
            }
            Self::Affine { translate, .. } if !(0.0..=1.0).contains(translate) => {
                format!("translate = {translate} must be between 0 and 1")
            }
            Self::Affine { shear, .. } if !(0.0..90.0).contains(shear) => {
                format!("shear = {shear} must be at least 0 and below 90")
            }
            _ => return Ok(()),
        };
        Err(self.error(problem))
    }

    /// Whether it can move targets of this kind with the image.
    pub(super) fn check_target(&self, target: TargetKind) -> Result<(), DataError> {
        let has_objects = matches!(target, TargetKind::Boxes | TargetKind::Instances);
        match self {
            Self::PadCrop { mode: PadMode::Reflect, .. } if has_objects => Err(self.error(format!(
                "mode = \"reflect\" shows parts of objects a second time, which the {target} do not know; take mode = \"zero\""
            ))),
            _ => Ok(()),
        }
    }

    /// Makes the draws for an image of this size.
    pub(super) fn draw(&self, size: [usize; 2], stream: &mut Stream) -> Result<Motion, DataError> {
        let motion = match *self {
            Self::Flip if stream.chance(0.5) => Motion::Flip,
            Self::Flip => Motion::Stay,
            Self::PadCrop { pad, mode } => {
                check_mirror(pad, mode, size).map_err(|problem| self.error(problem))?;
                let (down, right) = (stream.below(2 * pad + 1), stream.below(2 * pad + 1));
                Motion::Shift {
                    down: down as isize - pad as isize,
                    right: right as isize - pad as isize,
                    mode,
                }
            }
            Self::RandomResizedCrop {
                size: to,
                scale,
                ratio,
                interpolation,
            } => Motion::Scale {
                window: random_window(size, scale, ratio, stream),
                size: to.sides(),
                filter: interpolation,
            },
            Self::Resize {
                size: to,
                interpolation,
            } => scaled(size, to.sides(), interpolation),
            Self::ResizeShorter {
                size: to,
                interpolation,
            } => scaled(size, resample::shorter_to(size, to), interpolation),
            Self::Affine {
                degrees,
                translate,
                scale,
                shear,
            } => Motion::Affine(random_matrix(size, degrees, translate, scale, shear, stream)),
            Self::CentreCrop { size: to } => {
                let window = Window::centre(size, to.sides()).map_err(|problem| self.error(problem))?;
                if window == Window::whole(size) {
                    return Ok(Motion::Stay);
                }
                Motion::Cut(window)
            }
        };
        Ok(motion)
    }

    fn error(&self, problem: String) -> DataError {
        DataError::Augment {
            step: self.name(),
            problem,
        }
    }
}

/// All of a picture of this size, scaled; one that has the new size already stays as it is.
fn scaled(from: [usize; 2], to: [usize; 2], filter: Interpolation) -> Motion {
    if from == to {
        return Motion::Stay;
    }
    Motion::Scale {
        window: Window::whole(from),
        size: to,
        filter,
    }
}

/// Mirroring at an edge needs a picture behind it.
fn check_mirror(pad: usize, mode: PadMode, [height, width]: [usize; 2]) -> Result<(), String> {
    if mode == PadMode::Reflect && pad >= height.min(width) {
        return Err(format!(
            "pad = {pad} cannot be mirrored from an image of {height}x{width}; it must be smaller than both sides"
        ));
    }
    Ok(())
}

/// A random map about the middle of an image: scaled and sheared, turned, moved.
fn random_matrix(
    [height, width]: [usize; 2],
    degrees: f64,
    translate: f64,
    scale: [f64; 2],
    shear: f64,
    stream: &mut Stream,
) -> AffineMatrix {
    let mut either_way = |most: f64| stream.uniform(-most, most);
    let (degrees, shear) = (either_way(degrees), either_way(shear));
    let [x, y] = [width, height].map(|side| side as f64);
    let way = [either_way(translate * x), either_way(translate * y)];
    let factor = stream.uniform(scale[0], scale[1]);
    about_middle([height, width], degrees, shear, factor, way)
}

/// The map that shears, turns, scales about the middle of an image and then moves by `[x, y]`.
pub(super) fn about_middle(
    [height, width]: [usize; 2],
    degrees: f64,
    shear: f64,
    factor: f64,
    way: [f64; 2],
) -> AffineMatrix {
    let middle = [width as f64 / 2.0, height as f64 / 2.0];
    AffineMatrix::translation(middle.map(|side| -side))
        .then(&AffineMatrix::rotation(degrees, shear))
        .then(&AffineMatrix::scaling([factor; 2]))
        .then(&AffineMatrix::translation(middle))
        .then(&AffineMatrix::translation(way))
}
