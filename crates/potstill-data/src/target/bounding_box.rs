//! Boxes around objects.

use super::object_notes::ObjectNotes;

/// A box: from its left upper to its right lower corner, in pixels from the left upper corner of the image.
///
/// Coordinates are continuous: the pixel in row 0, column 3 spans 0 to 1 down and 3 to 4 to the right, and a
/// box has the width `right - left`.
///
/// ```
/// use potstill_data::BoundingBox;
/// let bounds = BoundingBox::new(-2.0, 1.0, 6.0, 4.0);
/// assert_eq!((bounds.width(), bounds.height(), bounds.area()), (8.0, 3.0, 24.0));
/// assert_eq!(bounds.clipped([10, 5]), BoundingBox::new(0.0, 1.0, 5.0, 4.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// The left edge, x1.
    pub left: f64,
    /// The upper edge, y1.
    pub top: f64,
    /// The right edge, x2.
    pub right: f64,
    /// The lower edge, y2.
    pub bottom: f64,
}

impl BoundingBox {
    /// The box with these edges (x1, y1, x2, y2).
    pub fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// The smallest box around these points `[x, y]`; `None` without points.
    pub fn around(points: impl IntoIterator<Item = [f64; 2]>) -> Option<Self> {
        let mut points = points.into_iter();
        let [x, y] = points.next()?;
        Some(points.fold(Self::new(x, y, x, y), |own, point| own.with(point)))
    }

    /// The smallest box around this one and a point.
    pub(crate) fn with(&self, [x, y]: [f64; 2]) -> Self {
        Self {
            left: self.left.min(x),
            top: self.top.min(y),
            right: self.right.max(x),
            bottom: self.bottom.max(y),
        }
    }

    /// `right - left`.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// `bottom - top`.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The middle, `[x, y]`.
    pub fn centre(&self) -> [f64; 2] {
        [
            f64::midpoint(self.left, self.right),
            f64::midpoint(self.top, self.bottom),
        ]
    }

    /// Width times height; 0 for a box without inside.
    pub fn area(&self) -> f64 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// The corners `[x, y]`, clockwise from the left upper one.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let Self {
            left,
            top,
            right,
            bottom,
        } = *self;
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    }

    /// The part inside an image of `[height, width]`.
    #[must_use]
    pub fn clipped(&self, [height, width]: [usize; 2]) -> Self {
        let (height, width) = (height as f64, width as f64);
        Self {
            left: self.left.clamp(0.0, width),
            top: self.top.clamp(0.0, height),
            right: self.right.clamp(0.0, width),
            bottom: self.bottom.clamp(0.0, height),
        }
    }

    /// Says why this can be no object's box.
    pub(super) fn problem(&self) -> Option<String> {
        let Self {
            left,
            top,
            right,
            bottom,
        } = *self;
        let finite = [left, top, right, bottom].iter().all(|edge| edge.is_finite());
        let problem = if finite {
            "no area"
        } else {
            "an edge that is no number"
        };
        (!finite || self.area() <= 0.0)
            .then(|| format!("its box ({left}, {top}, {right}, {bottom}) has {problem}"))
    }
}

/// An object with its class.
///
/// ```
/// use potstill_data::{BoundingBox, LabelledBox};
/// let apple = LabelledBox::new(0, BoundingBox::new(10.0, 4.0, 30.5, 22.0));
/// assert_eq!(apple.bounds.height(), 18.0);
/// assert!(!apple.notes.crowd);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    /// An index into the class names.
    pub class: u32,
    /// Where the object is.
    pub bounds: BoundingBox,
    /// What else its annotation says.
    pub notes: ObjectNotes,
}

impl LabelledBox {
    /// An object of which no more is known.
    pub fn new(class: u32, bounds: BoundingBox) -> Self {
        let notes = ObjectNotes::default();
        Self { class, bounds, notes }
    }
}
