//! What the first part of a file says about its image.

use std::io;

use super::exif::Orientation;
use super::options::DecodeOptions;

/// What the first part of a file says about its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Stored rows.
    pub height: usize,
    /// Stored columns.
    pub width: usize,
    /// How it is seen upright.
    pub orientation: Orientation,
}

impl Header {
    /// An image that is stored upright.
    pub fn upright(height: impl Into<u64>, width: impl Into<u64>) -> Self {
        let [height, width] = [height.into(), width.into()].map(|side| side as usize);
        Self {
            height,
            width,
            orientation: Orientation::UPRIGHT,
        }
    }

    /// Height, width and channels of the decoded image.
    pub fn shape(&self, options: &DecodeOptions) -> [usize; 3] {
        let is_turned = options.exif_orientation && self.orientation.swaps_sides();
        let (height, width) = (self.height, self.width);
        if is_turned {
            [width, height, 3]
        } else {
            [height, width, 3]
        }
    }

    /// How many pixels the image has.
    pub fn pixels(&self) -> u64 {
        (self.height as u64).saturating_mul(self.width as u64)
    }
}

/// What to say where a header cannot be read to its end.
pub(super) fn ended(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends within its header".to_owned(),
        _ => error.to_string(),
    }
}
