//! From a decoded picture to the floats a network sees (before normalisation).
//!
//! A pipeline is a list of steps; in a recipe each is a name or a table with its settings:
//!
//! ```toml
//! augment = [
//!     { pad-crop = { pad = 4, mode = "reflect" } },  # mode: "zero" (default) or "reflect"
//!     "flip",                                        # left-right, half of the images
//! ]
//! ```
//!
//! | step | settings | what it does |
//! |---|---|---|
//! | `"flip"` | | mirrors left-right, half of the images |
//! | `pad-crop` | `pad`, `mode = "zero"` | pads each side, then cuts a window of the old size at a random place |
//! | `random-resized-crop` | `size`, `scale = [0.08, 1.0]`, `ratio = [0.75, 1.3333]` | a random window, scaled to `size` |
//! | `resize` | `size` | scales to `size` whatever the proportions |
//! | `resize-shorter` | `size` (one number) | scales so that the shorter side has `size` pixels |
//! | `centre-crop` | `size` | cuts the middle |
//!
//! `size` is one number (a square) or `[height, width]`. Scaling is bilinear, with a wider filter where it shrinks
//! (antialiasing), as Pillow and torchvision do. Padding comes before normalisation, so that zero is black.

mod crop;
mod resample;

use potstill_random::{Seed, Stream};
use serde::{Deserialize, Serialize};

use crate::{DataError, Image};

/// A picture in floats, channels last.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatImage {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// `height * width * channels` values in `[0, 1]` (HWC).
    pub pixels: Vec<f32>,
}

impl FloatImage {
    /// `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

impl From<&Image> for FloatImage {
    fn from(image: &Image) -> Self {
        let pixels = image.pixels.iter().map(|&value| value as f32 / 255.0).collect();
        Self {
            height: image.height,
            width: image.width,
            channels: image.channels,
            pixels,
        }
    }
}

/// A pipeline of checked steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Step>", into = "Vec<Step>")]
pub struct Augment {
    steps: Vec<Step>,
}

/// One step; the [module](self) has the table.
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
    },
    /// Scales whatever the proportions.
    Resize {
        /// Height and width of the result.
        size: Size,
    },
    /// Scales so that the shorter side has this many pixels.
    ResizeShorter {
        /// The shorter side of the result.
        size: usize,
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

impl Augment {
    /// A pipeline that only turns bytes into floats: for evaluation.
    pub fn none() -> Self {
        Self::default()
    }

    /// A pipeline of these steps, in this order.
    ///
    /// # Errors
    /// Where a setting can never work, such as a size of 0.
    pub fn new(steps: Vec<Step>) -> Result<Self, DataError> {
        steps.iter().try_for_each(Step::check)?;
        Ok(Self { steps })
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps that are not random, for the test images of a set that is trained with this pipeline.
    #[must_use]
    pub fn for_evaluation(&self) -> Self {
        let steps = self.steps.iter().filter_map(|step| match *step {
            Step::Flip | Step::PadCrop { .. } => None,
            // What the random windows show on average: all of the picture.
            Step::RandomResizedCrop { size, .. } => Some(Step::Resize { size }),
            ref fixed => Some(fixed.clone()),
        });
        Self {
            steps: steps.collect(),
        }
    }

    /// Augments an image; all random draws come from the stream `"augment"` at this view and index. A loader takes the epoch
    /// for the view, unless it is told to show few views again and again.
    ///
    /// # Errors
    /// Where a step does not fit the image, such as a window greater than it.
    pub fn apply(&self, image: &Image, seed: Seed, view: u64, index: usize) -> Result<FloatImage, DataError> {
        let mut stream = seed.stream("augment", &[view, index as u64]);
        let start = FloatImage::from(image);
        self.steps
            .iter()
            .try_fold(start, |image, step| step.apply(image, &mut stream))
    }

    /// The shape that images of this shape (`[height, width, channels]`) come out with.
    pub fn output_shape(&self, input: [usize; 3]) -> [usize; 3] {
        self.steps.iter().fold(input, |[height, width, channels], step| {
            let [height, width] = match step {
                Step::Flip | Step::PadCrop { .. } => [height, width],
                Step::ResizeShorter { size } => resample::shorter_to([height, width], *size),
                Step::RandomResizedCrop { size, .. } | Step::Resize { size } | Step::CentreCrop { size } => {
                    size.sides()
                }
            };
            [height, width, channels]
        })
    }
}

impl TryFrom<Vec<Step>> for Augment {
    type Error = DataError;

    fn try_from(steps: Vec<Step>) -> Result<Self, DataError> {
        Self::new(steps)
    }
}

impl From<Augment> for Vec<Step> {
    fn from(augment: Augment) -> Self {
        augment.steps
    }
}

impl Step {
    /// The name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::PadCrop { .. } => "pad-crop",
            Self::RandomResizedCrop { .. } => "random-resized-crop",
            Self::Resize { .. } => "resize",
            Self::ResizeShorter { .. } => "resize-shorter",
            Self::CentreCrop { .. } => "centre-crop",
        }
    }

    fn check(&self) -> Result<(), DataError> {
        let ordered = |[low, high]: [f64; 2]| 0.0 < low && low <= high && high.is_finite();
        let problem = match self {
            Self::PadCrop { pad, .. } if *pad > MAX_SIDE => format!("pad must be at most {MAX_SIDE}"),
            Self::RandomResizedCrop { scale, .. } if !ordered(*scale) || scale[1] > 1.0 => {
                format!("scale = {scale:?} needs two shares of the area, 0 < least <= greatest <= 1")
            }
            Self::RandomResizedCrop { ratio, .. } if !ordered(*ratio) => {
                format!("ratio = {ratio:?} needs two proportions, 0 < least <= greatest")
            }
            Self::RandomResizedCrop { size, .. } | Self::Resize { size } | Self::CentreCrop { size }
                if !size.sides().iter().all(|side| (1..=MAX_SIDE).contains(side)) =>
            {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            Self::ResizeShorter { size } if !(1..=MAX_SIDE).contains(size) => {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            _ => return Ok(()),
        };
        Err(self.error(problem))
    }

    fn apply(&self, image: FloatImage, stream: &mut Stream) -> Result<FloatImage, DataError> {
        let made = match self {
            Self::Flip if stream.chance(0.5) => Ok(crop::flip(&image)),
            Self::Flip => Ok(image),
            Self::PadCrop { pad, mode } => crop::pad_crop(&image, *pad, *mode, stream),
            Self::RandomResizedCrop { size, scale, ratio } => {
                let window = crop::random_window([image.height, image.width], *scale, *ratio, stream);
                Ok(resample::resize(&image, window, size.sides()))
            }
            Self::Resize { size } => Ok(resample::resize(
                &image,
                crop::Window::whole(&image),
                size.sides(),
            )),
            Self::ResizeShorter { size } => {
                let sides = resample::shorter_to([image.height, image.width], *size);
                Ok(resample::resize(&image, crop::Window::whole(&image), sides))
            }
            Self::CentreCrop { size } => crop::centre_crop(&image, size.sides()),
        };
        made.map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: String) -> DataError {
        DataError::Augment {
            step: self.name(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests;
