//! Boxes as the numbers that a network is taught.

use crate::{Corners, boxes::center};

/// Larger factors of a side, as logarithms, are cut: ln(1000 / 16).
const LARGEST: f32 = 4.135_166_6;

/// A box by its difference to an anchor: the way between the middles in sides of the anchor, and the logarithms of the sides' ratios
/// (Girshick et al. 2014), each times a weight.
///
/// ```
/// use potstill_detection::BoxCoder;
/// let coder = BoxCoder::default();
/// let code = coder.encode([2.0, 1.0, 20.0, 15.0], [0.0, 0.0, 16.0, 16.0]);
/// assert_eq!(code[..2], [0.1875, 0.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxCoder {
    /// The factors of x, y, width and height.
    pub weights: [f32; 4],
}

impl Default for BoxCoder {
    /// All weights 1, as region proposals and RetinaNet have them.
    fn default() -> Self {
        Self { weights: [1.0; 4] }
    }
}

impl BoxCoder {
    /// The weights 10, 10, 5 and 5, as box heads and SSD have them.
    pub fn weighted() -> Self {
        Self {
            weights: [10.0, 10.0, 5.0, 5.0],
        }
    }

    /// The numbers of an object's box at an anchor. Neither may have a side of 0.
    pub fn encode(&self, object: Corners, anchor: Corners) -> [f32; 4] {
        let ([x, y], [u, v]) = (center(object), center(anchor));
        let ([width, height], [across, down]) = (sides(object), sides(anchor));
        let code = [
            (x - u) / across,
            (y - v) / down,
            (width / across).ln(),
            (height / down).ln(),
        ];
        std::array::from_fn(|at| self.weights[at] * code[at])
    }

    /// The box that these numbers mean at an anchor.
    pub fn decode(&self, code: [f32; 4], anchor: Corners) -> Corners {
        let [x, y, width, height]: [f32; 4] = std::array::from_fn(|at| code[at] / self.weights[at]);
        let ([u, v], [across, down]) = (center(anchor), sides(anchor));
        let [x, y] = [x * across + u, y * down + v];
        let half = [
            0.5 * width.min(LARGEST).exp() * across,
            0.5 * height.min(LARGEST).exp() * down,
        ];
        [x - half[0], y - half[1], x + half[0], y + half[1]]
    }
}

/// A box by the distances of its sides from the middle of an anchor, in sides of the anchor: left, top, right, bottom (Tian et al. 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DistanceCoder;

impl DistanceCoder {
    /// The distances of an object's box at an anchor.
    pub fn encode(self, object: Corners, anchor: Corners) -> [f32; 4] {
        let ([x, y], [across, down]) = (center(anchor), sides(anchor));
        let [left, top, right, bottom] = object;
        [
            (x - left) / across,
            (y - top) / down,
            (right - x) / across,
            (bottom - y) / down,
        ]
    }

    /// The box at these distances of an anchor.
    pub fn decode(self, [left, top, right, bottom]: [f32; 4], anchor: Corners) -> Corners {
        let ([x, y], [across, down]) = (center(anchor), sides(anchor));
        [
            x - left * across,
            y - top * down,
            x + right * across,
            y + bottom * down,
        ]
    }

    /// How near the middle of the box its distances are taken: 1 in the middle, 0 on a side.
    pub fn centerness(self, [left, top, right, bottom]: [f32; 4]) -> f32 {
        (left.min(right) / left.max(right) * (top.min(bottom) / top.max(bottom))).sqrt()
    }
}

/// How the four numbers of an anchor mean a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BoxCoding {
    /// Differences to the anchor.
    Differences(BoxCoder),
    /// Distances of the sides from the anchor's middle.
    Distances,
}

impl BoxCoding {
    /// The box of these numbers at an anchor.
    pub fn decode(self, code: [f32; 4], anchor: Corners) -> Corners {
        match self {
            Self::Differences(coder) => coder.decode(code, anchor),
            Self::Distances => DistanceCoder.decode(code, anchor),
        }
    }

    /// The numbers of an object's box at an anchor.
    pub fn encode(self, object: Corners, anchor: Corners) -> [f32; 4] {
        match self {
            Self::Differences(coder) => coder.encode(object, anchor),
            Self::Distances => DistanceCoder.encode(object, anchor),
        }
    }
}

fn sides([left, top, right, bottom]: Corners) -> [f32; 2] {
    [right - left, bottom - top]
}
