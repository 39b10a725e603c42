//! A picture whose content is known.

use crate::{BoundingBox, Image, Mask};

/// A picture with its figures.
///
/// ```
/// use potstill_data::{Shapes, ShapesOptions, Split, TargetKind};
/// let shapes = Shapes::new(ShapesOptions::default(), Split::Train, TargetKind::Class)?;
/// let drawing = shapes.draw(3)?;
/// assert_eq!((drawing.image.shape(), drawing.figures[0].class), ([32, 32, 3], 3));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The picture.
    pub image: Image,
    /// The figures, from the rearmost to the foremost.
    pub figures: Vec<DrawnFigure>,
}

/// A figure in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnFigure {
    /// An index into [`Figure::ALL`](super::Figure::ALL).
    pub class: u32,
    /// The visible part; no pixel belongs to two figures.
    pub mask: Mask,
}

impl DrawnFigure {
    /// The smallest box around the visible part.
    pub fn bounds(&self) -> BoundingBox {
        // Every figure that is drawn has visible pixels.
        self.mask.bounds().unwrap_or(BoundingBox::new(0.0, 0.0, 0.0, 0.0))
    }
}
