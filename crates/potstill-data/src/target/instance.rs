//! Objects with their outlines.

use super::BoundingBox;

/// An object with its class, its box and its outline.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// An index into the class names.
    pub class: u32,
    /// Where the object is.
    pub bounds: BoundingBox,
    /// Which part of the image is the object.
    pub shape: InstanceShape,
}

/// Which part of an image an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceShape {
    /// Pixel by pixel, in the size of the image.
    Mask(Mask),
    /// Outlines; an object that is partly hidden may have several. They stay exact however often the image is scaled.
    Polygons(Vec<Polygon>),
}

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

/// A closed outline: its corners `[x, y]` in pixels, in order; the last one is joined to the first.
///
/// ```
/// use potstill_data::Polygon;
/// let triangle = Polygon { points: vec![[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]] };
/// assert_eq!(triangle.area(), 6.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    /// The corners.
    pub points: Vec<[f64; 2]>,
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

impl Polygon {
    /// The enclosed area in pixels.
    pub fn area(&self) -> f64 {
        let next = self.points.iter().cycle().skip(1);
        let twice: f64 = self
            .points
            .iter()
            .zip(next)
            .map(|([x, y], [u, v])| x * v - u * y)
            .sum();
        twice.abs() / 2.0
    }
}

impl InstanceShape {
    /// The area in pixels; parts of several polygons that lie over one another count for each.
    pub fn area(&self) -> f64 {
        match self {
            Self::Mask(mask) => mask.area() as f64,
            Self::Polygons(polygons) => polygons.iter().map(Polygon::area).sum(),
        }
    }

    /// The smallest box around it; `None` if there is nothing.
    pub fn bounds(&self) -> Option<BoundingBox> {
        match self {
            Self::Mask(mask) => mask.bounds(),
            Self::Polygons(polygons) => {
                BoundingBox::around(polygons.iter().flat_map(|polygon| polygon.points.iter().copied()))
            }
        }
    }
}

impl Instance {
    /// Says what is wrong with an object of an image of this size.
    pub(super) fn problem(&self, [height, width]: [usize; 2]) -> Option<String> {
        let of_shape = match &self.shape {
            InstanceShape::Mask(mask) => {
                let fits =
                    [mask.height, mask.width] == [height, width] && mask.inside.len() == height * width;
                (!fits).then(|| {
                    format!(
                        "a mask has {}x{} and {} values where the image has {height}x{width}",
                        mask.height,
                        mask.width,
                        mask.inside.len()
                    )
                })
            }
            InstanceShape::Polygons(polygons) => {
                let points = |polygon: &Polygon| polygon.points.len();
                let few = polygons.iter().map(points).find(|&points| points < 3);
                few.map(|points| format!("a polygon has {points} corners where 3 are the least"))
            }
        };
        of_shape.or_else(|| self.bounds.problem())
    }
}
