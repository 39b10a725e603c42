//! A decoded picture: 8-bit pixels, channels last.

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
}
