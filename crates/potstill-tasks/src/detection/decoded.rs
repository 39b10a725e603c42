//! Boxes as a graph sees them: from the numbers that a network gives to corners, with gradients.

use burn::tensor::Tensor;
use potstill_detection::{BoxCoder, BoxCoding, Corners};

use super::{columns::Columns, rows::constant};

/// Larger logarithms of a side's factor are cut, as [`BoxCoder::decode`] cuts them: ln(1000 / 16).
const LARGEST: f64 = 4.135_166_556_742_356;

/// The corners `[R, 4]` that the codes `[R, 4]` mean at these R anchors.
pub fn decoded_corners(codes: &Tensor<2>, coding: BoxCoding, anchors: &[Corners]) -> Tensor<2> {
    let anchors = Columns::of(&constant(anchors, codes));
    let ([x, y], [width, height]) = (anchors.center(), anchors.sides());
    let Columns([first, second, third, fourth]) = Columns::of(codes);
    match coding {
        BoxCoding::Differences(BoxCoder { weights }) => {
            let [a, b, c, d] = weights.map(f64::from);
            let moved = |code: Tensor<2>, weight: f64, side: Tensor<2>, from| code / weight * side + from;
            let middle = [
                moved(first, a, width.clone(), x),
                moved(second, b, height.clone(), y),
            ];
            let grown = |code: Tensor<2>, weight: f64, side| (code / weight).clamp_max(LARGEST).exp() * side;
            Columns::about(middle, [grown(third, c, width), grown(fourth, d, height)]).rows()
        }
        BoxCoding::Distances => Columns([
            x.clone() - first * width.clone(),
            y.clone() - second * height.clone(),
            x + third * width,
            y + fourth * height,
        ])
        .rows(),
    }
}
