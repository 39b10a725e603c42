//! From a decoded picture to the floats a network sees (before normalisation), and its target with it.
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
//! | `random-resized-crop` | `size`, `scale = [0.08, 1.0]`, `ratio = [0.75, 1.3333]`, `interpolation` | a random window, scaled to `size` |
//! | `resize` | `size`, `interpolation` | scales to `size` whatever the proportions |
//! | `resize-shorter` | `size` (one number), `interpolation` | scales so that the shorter side has `size` pixels; the other is rounded down |
//! | `affine` | `degrees`, `translate`, `scale = [1, 1]`, `shear` | turns, moves, scales, shears at random about the middle |
//! | `centre-crop` | `size` | cuts the middle |
//! | `resize-range` | `shorter` (one length, or several to draw from), `longer`, `interpolation` | scales the shorter side to a length unless the longer would have more than `longer` |
//! | `scale-jitter` | `range`, `interpolation` | scales by a random factor |
//! | `crop` | `size`, `cat_max_ratio` | a window at a random place; a smaller image is padded to the right and below |
//! | `"photometric"` | `brightness = 32`, `contrast = [0.5, 1.5]`, `saturation = [0.5, 1.5]`, `hue = 18` | other colours |
//! | `"ssd-crop"` | `scale = 0.3`, `aspect = [0.5, 2]` | a window that shows some object by a random share at least |
//! | `"zoom-out"` | `most = 4`, `fill = 0` | half of the images, small on a canvas |
//! | `"narrow-crop"` | `fill = 128` | a window of 75 to 100 % of each side, or a canvas of 100 to 125 % |
//! | `"fix-match"` | `operations = 2`, `cutout = 0.5` | random operations at random strengths and a grey square; for classes alone |
//! | `letterbox` | `size`, `fill = 114`, `interpolation` | scales with its proportions into a frame |
//!
//! `size` is one number (a square) or `[height, width]`. `interpolation` is `"bilinear"` (default) or
//! `"bicubic"`, with a wider filter where it shrinks (antialiasing), as Pillow and torchvision do; or `"bilinear-plain"` without, the
//! default of the steps that detectors and segmenters take. Padding
//! comes before normalisation, so that zero is black.
//!
//! `resize`, `resize-shorter`, `centre-crop`, `letterbox` and `resize-range` of one length are fixed, the others draw at random. Test
//! images take the fixed steps only; of `random-resized-crop` stays a `resize` of the whole picture, of `resize-range` its last length.
//!
//! A step moves everything in the image: boxes become the smallest boxes around the moved ones, polygons are
//! moved corner by corner, masks and label maps take the nearest pixel. What leaves the image is cut off, and
//! an object of which too little is left ([`Augment::with_min_visible`]) is dropped; `crop` keeps an object whose centre it shows as well,
//! and `ssd-crop` only those. The box of an object
//! with a mask or polygons is the smallest one around what is left of them. Where there was no picture, a
//! label map says [`LabelMap::IGNORE`](crate::LabelMap::IGNORE). Padding that mirrors the image mirrors a
//! label map too, but would show objects twice, and is refused for targets with boxes.

mod class_share;
mod colour;
mod crop;
mod describe;
mod float_image;
mod iou_crop;
mod matrix;
mod motion;
mod move_target;
mod pipeline;
mod resample;
mod step;
mod strong;
mod warp;
mod window;

pub use float_image::FloatImage;
pub use matrix::AffineMatrix;
pub use pipeline::Augment;
pub use resample::Interpolation;
pub use step::{Lengths, PadMode, Size, Step};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vector_tests;
