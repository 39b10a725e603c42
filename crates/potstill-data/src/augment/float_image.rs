//! A picture whose values are floats.

use crate::Image;

/// A picture in floats, channels last.
///
/// ```
/// use potstill_data::{FloatImage, Image};
/// let image = Image { height: 1, width: 2, channels: 1, pixels: vec![0, 51] };
/// assert_eq!(FloatImage::from(&image).pixels, [0.0, 0.2]);
/// ```
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
