//! The classic operations on 8-bit pictures that automatic augmentation chooses from (Cubuk et al. 2019,
//! "`AutoAugment`", table 6).
//!
//! Each gives Pillow's result to the bit, which is what the published magnitudes of these operations mean.
//! Where a picture is moved, a new pixel is the nearest old one, and what lies outside is black.

mod tone;
mod warp;

use crate::Image;
pub(crate) use tone::luma;

/// One operation with its strength.
///
/// ```
/// use potstill_data::{Image, pil_ops::PilOp};
/// let image = Image { height: 1, width: 2, channels: 1, pixels: vec![10, 200] };
/// assert_eq!(PilOp::Invert.apply(&image).pixels, [245, 55]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PilOp {
    /// Away from black: 0 is black, 1 changes nothing (`ImageEnhance.Brightness`).
    Brightness(f32),
    /// Away from grey: 0 is grey, 1 changes nothing (`ImageEnhance.Color`).
    Colour(f32),
    /// Away from the mean grey: 0 is one grey, 1 changes nothing (`ImageEnhance.Contrast`).
    Contrast(f32),
    /// Away from a smoothed picture: 0 is smooth, 1 changes nothing (`ImageEnhance.Sharpness`).
    Sharpness(f32),
    /// Keeps so many of the 8 bits (`ImageOps.posterize`).
    Posterize(u32),
    /// Inverts what is not below the threshold (`ImageOps.solarize`).
    Solarize(f64),
    /// Shifts each row by so many pixels a row, about the top left corner: a positive number shows what lies
    /// to the right.
    ShearX(f64),
    /// The same of columns.
    ShearY(f64),
    /// Moves to the right by so many pixels.
    TranslateX(i32),
    /// Moves down by so many pixels.
    TranslateY(i32),
    /// Turns against the clock by so many degrees about the middle (`Image.rotate`).
    Rotate(f64),
    /// Makes the histogram of each channel even (`ImageOps.equalize`).
    Equalize,
    /// Stretches each channel from 0 to 255 (`ImageOps.autocontrast`).
    Autocontrast,
    /// 255 less each value (`ImageOps.invert`).
    Invert,
}

impl PilOp {
    /// The changed picture, of the same size. Pictures of one channel are grey, of three red, green and blue.
    #[must_use]
    pub fn apply(self, image: &Image) -> Image {
        match self {
            Self::Brightness(factor) => tone::blend(&[0], image, factor),
            Self::Colour(factor) => tone::blend(&tone::grey(image), image, factor),
            Self::Contrast(factor) => tone::blend(&[tone::mean_grey(image)], image, factor),
            Self::Sharpness(factor) => tone::blend(&tone::smooth(image), image, factor),
            Self::Posterize(bits) => {
                let mask = 0xffu8.checked_shl(8 - bits.min(8)).unwrap_or(0);
                tone::each(image, |value| value & mask)
            }
            Self::Solarize(threshold) => tone::each(image, |value| {
                if f64::from(value) < threshold {
                    value
                } else {
                    255 - value
                }
            }),
            Self::ShearX(shear) => warp::nearest(image, [1.0, shear, 0.0, 0.0, 1.0, 0.0]),
            Self::ShearY(shear) => warp::nearest(image, [1.0, 0.0, 0.0, shear, 1.0, 0.0]),
            Self::TranslateX(pixels) => warp::nearest(image, [1.0, 0.0, -f64::from(pixels), 0.0, 1.0, 0.0]),
            Self::TranslateY(pixels) => warp::nearest(image, [1.0, 0.0, 0.0, 0.0, 1.0, -f64::from(pixels)]),
            Self::Rotate(degrees) => warp::nearest(image, warp::rotation(degrees, image.height, image.width)),
            Self::Equalize => tone::equalize(image),
            Self::Autocontrast => tone::stretched(image),
            Self::Invert => tone::each(image, |value| 255 - value),
        }
    }
}
