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
//!
//! `size` is one number (a square) or `[height, width]`. `interpolation` is `"bilinear"` (default) or
//! `"bicubic"`, with a wider filter where it shrinks (antialiasing), as Pillow and torchvision do. Padding
//! comes before normalisation, so that zero is black.
//!
//! `resize`, `resize-shorter` and `centre-crop` are fixed, the others draw at random. Test images take the
//! fixed steps only; of `random-resized-crop` stays a `resize` of the whole picture.
//!
//! A step moves everything in the image: boxes become the smallest boxes around the moved ones, polygons are
//! moved corner by corner, masks and label maps take the nearest pixel. What leaves the image is cut off, and
//! an object of which too little is left ([`Augment::with_min_visible`]) is dropped. The box of an object
//! with a mask or polygons is the smallest one around what is left of them. Where there was no picture, a
//! label map says [`LabelMap::IGNORE`](crate::LabelMap::IGNORE). Padding that mirrors the image mirrors a
//! label map too, but would show objects twice, and is refused for targets with boxes.

mod crop;
mod describe;
mod float_image;
mod matrix;
mod motion;
mod move_target;
mod pipeline;
mod resample;
mod step;
mod warp;
mod window;

pub use float_image::FloatImage;
pub use matrix::AffineMatrix;
pub use pipeline::Augment;
pub use resample::Interpolation;
pub use step::{PadMode, Size, Step};

#[cfg(test)]
mod tests;
