//! A decoded picture: 8-bit pixels, channels last.

use crate::pil_ops::luma;

/// A decoded picture.
///
/// ```
/// use potstill_data::Image;
/// let grey = Image { height: 1, width: 2, channels: 1, pixels: vec![7, 9] };
/// assert_eq!(grey.into_rgb().pixels, [7, 7, 7, 9, 9, 9]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// `height * width * channels` values, row by row, the channels of a pixel together (HWC).
    pub pixels: Vec<u8>,
}

impl Image {
    /// `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    /// The same picture with three channels: a grey one has its channel repeated.
    #[must_use]
    pub fn into_rgb(self) -> Self {
        if self.channels != 1 {
            return self;
        }
        let pixels = self.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
        Self {
            channels: 3,
            pixels,
            ..self
        }
    }

    /// The same picture in one channel: the luma of ITU-R 601, as Pillow's `convert("L")`. One that has no colours stays as it is.
    #[must_use]
    pub fn into_grey(self) -> Self {
        if self.channels != 3 {
            return self;
        }
        Self {
            channels: 1,
            pixels: self.pixels.chunks_exact(3).map(luma).collect(),
            ..self
        }
    }

    /// The same picture in one or three channels; `None` if there is no way to that many.
    #[must_use]
    pub fn into_channels(self, channels: usize) -> Option<Self> {
        match (self.channels, channels) {
            (own, wanted) if own == wanted => Some(self),
            (1, 3) => Some(self.into_rgb()),
            (3, 1) => Some(self.into_grey()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn grey_becomes_rgb_by_repetition_and_rgb_stays() {
        let grey = Image {
            height: 1,
            width: 2,
            channels: 1,
            pixels: vec![7, 9],
        };
        let rgb = grey.into_rgb();
        assert_eq!(
            (rgb.shape(), rgb.pixels.as_slice()),
            ([1, 2, 3], [7, 7, 7, 9, 9, 9].as_slice())
        );
        assert_eq!(rgb.clone().into_rgb(), rgb);
    }

    /// Pillow 13.0: `Image.new("RGB", (1, 1), colour).convert("L")`.
    #[test]
    fn colours_become_grey_as_by_pillow() {
        let image = Image {
            height: 1,
            width: 4,
            channels: 3,
            pixels: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 200, 33],
        };
        let grey = image.clone().into_channels(1).unwrap();
        assert_eq!(
            (grey.shape(), &grey.pixels[..]),
            ([1, 4, 1], &[76, 150, 29, 124][..])
        );
        assert_eq!(image.clone().into_channels(3), Some(image.clone()));
        assert_eq!(image.into_channels(4), None);
    }
}
