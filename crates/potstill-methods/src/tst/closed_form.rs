//! The operations without networks: a bank that needs no training.
//!
//! The five maps are what trained affine networks converge to. For the tones there is no published closed form; ours mixes the
//! real operation's results at the two nearest steps of its table, so that it is exact at every step and its slope in the
//! magnitude is the difference of the two.

use burn::tensor::Tensor;

use super::{
    affine::gated,
    colour::constant,
    operation::{BINS, Operation},
    pixels::PixelRange,
};
use potstill_ops::affine_warp;

/// The map `[1, 2, 3]` of an operation on places at `magnitude` (`[1]`), none for another operation.
pub fn closed_form_map(operation: Operation, magnitude: Tensor<1>, x: &Tensor<4>) -> Option<Tensor<3>> {
    let shear = 0.3;
    let translation = -2.0 * 150.0 / 331.0;
    let slope = match operation {
        Operation::ShearX => [0.0, shear, shear, 0.0, 0.0, 0.0],
        Operation::ShearY => [0.0, 0.0, 0.0, shear, 0.0, shear],
        Operation::TranslateX => [0.0, 0.0, translation, 0.0, 0.0, 0.0],
        Operation::TranslateY => [0.0, 0.0, 0.0, 0.0, 0.0, translation],
        Operation::Rotate => {
            let angle = magnitude * 30f64.to_radians();
            let (cos, sin) = (angle.clone().cos(), angle.sin());
            let none = cos.zeros_like();
            let rows = vec![cos.clone(), -sin.clone(), none.clone(), sin, cos, none];
            return Some(Tensor::cat(rows, 0).reshape([1, 2, 3]));
        }
        _ => return None,
    };
    let identity = constant(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [1, 2, 3], x);
    let slope: Tensor<3> = constant(&slope, [1, 2, 3], x);
    Some(identity + slope * magnitude.reshape([1, 1, 1]))
}

/// The operation at `magnitude` (`[1]`) on normalised images `[N, H, W, C]`; `gates` as for the networks.
pub(super) fn closed_form(
    operation: Operation,
    x: Tensor<4>,
    magnitude: Tensor<1>,
    gates: &[f64],
    scale: &PixelRange,
) -> Tensor<4> {
    if let Some(map) = closed_form_map(operation, magnitude.clone(), &x) {
        let maps = map.expand([x.dims()[0], 2, 3]);
        return affine_warp(x.clone(), gated(maps, gates, &x));
    }
    let toned = toned(operation, &x, magnitude, scale).unwrap_or_else(|| x.clone());
    if gates.is_empty() {
        return toned;
    }
    let gates: Tensor<4> = constant(gates, [gates.len(), 1, 1, 1], &x);
    (toned - x.clone()) * gates + x
}

/// An operation on tones between the two nearest steps of its table.
fn toned(operation: Operation, x: &Tensor<4>, magnitude: Tensor<1>, scale: &PixelRange) -> Option<Tensor<4>> {
    let value = magnitude.clone().inner().into_data().iter::<f64>().next()?;
    let negative = value < 0.0;
    // Step `b` stands for the magnitudes between `b / 10` and `(b + 1) / 10`: its own is the middle.
    let bins = BINS as f64;
    let below = (value.abs() * bins - 0.5).floor().clamp(0.0, bins - 2.0);
    let pictures = scale.pictures(x);
    let [_, height, width, _] = x.dims();
    let at = |bin: usize| {
        let pil_op = operation.pil_op(bin, negative, [height, width])?;
        Some(scale.operated(&pictures, pil_op, x))
    };
    let (low, high) = (at(below as usize)?, at(below as usize + 1)?);
    let magnitude = if negative { -magnitude } else { magnitude };
    let share = magnitude * bins - (0.5 + below);
    Some((high - low.clone()) * share.reshape([1, 1, 1, 1]) + low)
}
