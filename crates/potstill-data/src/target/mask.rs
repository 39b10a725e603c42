//! Pixels of an object.

use super::bounding_box::BoundingBox;

/// Which pixels belong to an object.
///
/// ```
/// use potstill_data::{BoundingBox, Mask};
/// let mask = Mask { height: 2, width: 3, inside: vec![false, true, true, false, true, false] };
/// assert_eq!(mask.area(), 3);
/// assert_eq!(mask.bounds(), Some(BoundingBox::new(1.0, 0.0, 3.0, 2.0)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, row by row.
    pub inside: Vec<bool>,
}

impl Mask {
    /// A mask of an image of this size that has no pixel.
    pub fn empty(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            inside: vec![false; height * width],
        }
    }

    /// How many pixels belong to the object.
    pub fn area(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count()
    }

    /// The smallest box around the pixels of the object; `None` if it has none.
    pub fn bounds(&self) -> Option<BoundingBox> {
        let width = self.width.max(1);
        let inside = self.inside.iter().enumerate().filter(|(_, inside)| **inside);
        BoundingBox::around(inside.flat_map(|(at, _)| {
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            [[x, y], [x + 1.0, y + 1.0]]
        }))
    }
}
