//! How badly a box lies over its object: one less the overlap, with what helps where there is none.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use potstill_detection::OverlapLoss;

use super::columns::Columns;

/// Keeps divisions from nothing, as in torchvision.
const EPSILON: f64 = 1e-7;

/// The loss of each row: of `boxes` `[R, 4]` against `objects` `[R, 4]`, both by their corners x1, y1, x2, y2. `[R, 1]`.
pub fn overlap_losses(kind: OverlapLoss, boxes: &Tensor<2>, objects: &Tensor<2>) -> Tensor<2> {
    let (one, two) = (Columns::of(boxes), Columns::of(objects));
    let common = one.common_with(&two);
    let union = one.area() + two.area() - common.clone();
    let overlap = common / (union.clone() + EPSILON);
    let around = one.around(&two);
    let loss = -overlap.clone() + 1.0;
    match kind {
        OverlapLoss::Generalized => {
            let area = around.area();
            loss + (area.clone() - union) / (area + EPSILON)
        }
        OverlapLoss::Distance => loss + distance(&one, &two, &around),
        OverlapLoss::Complete => {
            let shape = (two.proportion() - one.proportion()).powi_scalar(2) * (4.0 / PI.powi(2));
            let weight = shape.clone() / (shape.clone() - overlap + (1.0 + EPSILON));
            loss + distance(&one, &two, &around) + shape * weight.detach()
        }
    }
}

/// The squared distance of the middles by the squared diagonal of the box around both.
fn distance(one: &Columns, two: &Columns, around: &Columns) -> Tensor<2> {
    let [[x, y], [u, v]] = [one.center(), two.center()];
    let [width, height] = around.sides();
    let diagonal = width.powi_scalar(2) + height.powi_scalar(2) + EPSILON;
    ((x - u).powi_scalar(2) + (y - v).powi_scalar(2)) / diagonal
}
