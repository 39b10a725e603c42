//! Where an object is: its box or its pixels.

use crate::RunMask;

/// Where an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum Region {
    /// x, y, width and height in pixels, without any "+ 1".
    Box([f64; 4]),
    /// The pixels.
    Mask(RunMask),
}

impl Region {
    /// The area in pixels.
    pub fn area(&self) -> f64 {
        match self {
            Self::Box([_, _, width, height]) => width * height,
            Self::Mask(mask) => mask.area() as f64,
        }
    }

    /// The smallest box around it, as x, y, width and height.
    pub fn bounds(&self) -> [f64; 4] {
        match self {
            Self::Box(sides) => *sides,
            Self::Mask(mask) => mask.bounds(),
        }
    }

    /// The share of the union that both have in common; of this one's area, where the other is a `crowd`. A box and a mask are compared
    /// by their boxes.
    pub fn overlap(&self, other: &Self, crowd: bool) -> f64 {
        let boxes = common(self.bounds(), other.bounds());
        let (common, areas) = match (self, other) {
            _ if boxes <= 0.0 => return 0.0,
            (Self::Mask(one), Self::Mask(two)) => (one.intersection(two) as f64, [self.area(), other.area()]),
            _ => {
                let area = |[_, _, width, height]: [f64; 4]| width * height;
                (boxes, [area(self.bounds()), area(other.bounds())])
            }
        };
        if common <= 0.0 {
            return 0.0;
        }
        let [here, there] = areas;
        common / if crowd { here } else { here + there - common }
    }
}

/// The area that two boxes have in common.
fn common(one: [f64; 4], two: [f64; 4]) -> f64 {
    let [width, height] = [0, 1].map(|axis: usize| {
        let end = (one[axis] + one[axis + 2]).min(two[axis] + two[axis + 2]);
        (end - one[axis].max(two[axis])).max(0.0)
    });
    width * height
}
