//! Numbers with mean 0 and deviation 1.

use burn::tensor::{Bool, DType, Tensor};

/// `(x - mean) / (deviation + epsilon)` over this dimension, with the unbiased deviation.
///
/// Where there is no variation it is 0, a constant: what it is divided by would make the gradient a million times too large. Of one number alone
/// likewise.
pub(crate) fn standardised(values: Tensor<2>, over: usize, epsilon: f64) -> Tensor<2> {
    let count = values.dims()[over];
    let is_constant = is_constant(&values.clone().inner(), over, epsilon);
    let centred = values.clone() - values.mean_dim(over);
    let share = 1.0 / count.saturating_sub(1).max(1) as f64;
    let variance = centred.clone().powi_scalar(2).sum_dim(over) * share;
    let deviation = variance.mask_fill(is_constant.clone(), 1.0).sqrt() + epsilon;
    centred * deviation.recip().mask_fill(is_constant, 0.0)
}

/// Where values do not vary over this dimension but by `least`, or by the rounding of the largest. It is told by the least and the largest,
/// which are exact: a variance in single precision is off by that of a mean, which grows with its numbers and with how many there are.
fn is_constant(values: &Tensor<2>, over: usize, least: f64) -> Tensor<2, Bool> {
    let [low, high] = [values.clone().min_dim(over), values.clone().max_dim(over)];
    let rounding = low.clone().abs().max_pair(high.clone().abs()) * (ROUNDINGS * precision(values.dtype()));
    (high - low).lower_equal(rounding.clamp_min(least))
}

/// How many roundings of its largest number a constant row may vary by.
const ROUNDINGS: f64 = 4.0;

/// The distance from 1 to the next number of a type.
fn precision(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2.0_f64.powi(-10),
        DType::BF16 => 2.0_f64.powi(-7),
        _ => f64::from(f32::EPSILON),
    }
}
