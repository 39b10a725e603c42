//! Objects with their outlines.

use super::bounding_box::BoundingBox;
use super::mask::Mask;
use super::object_notes::ObjectNotes;
use super::polygon::Polygon;

/// An object with its class, its box and its outline.
///
/// ```
/// use potstill_data::{Instance, InstanceShape, Polygon};
/// let outline = Polygon { points: vec![[2.0, 1.0], [6.0, 1.0], [4.0, 5.0]] };
/// let shape = InstanceShape::Polygons(vec![outline]);
/// let instance = Instance::new(0, shape.bounds().unwrap(), shape);
/// assert_eq!((instance.bounds.width(), instance.shape.area()), (4.0, 8.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// An index into the class names.
    pub class: u32,
    /// The smallest box around the object.
    pub bounds: BoundingBox,
    /// Which part of the image is the object.
    pub shape: InstanceShape,
    /// What else its annotation says.
    pub notes: ObjectNotes,
}

/// Which part of an image an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceShape {
    /// Pixel by pixel, in the size of the image.
    Mask(Mask),
    /// Outlines; an object that is partly hidden may have several. They stay exact however often the image is
    /// scaled.
    Polygons(Vec<Polygon>),
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
    /// An object of which no more is known.
    pub fn new(class: u32, bounds: BoundingBox, shape: InstanceShape) -> Self {
        Self {
            class,
            bounds,
            shape,
            notes: ObjectNotes::default(),
        }
    }

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
