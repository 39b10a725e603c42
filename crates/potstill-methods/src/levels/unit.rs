//! Vectors of length 1, and lengths, whose gradients stay finite.

use burn::tensor::Tensor;

/// Lengths up to this count as 0.
const LEAST: f64 = 1e-12;

/// Vectors over this dimension divided by their lengths plus `added`. One without length gives 0, a constant: the gradient would be a
/// million million times too large.
pub(crate) fn unit_plus<const D: usize>(values: Tensor<D>, over: usize, added: f64) -> Tensor<D> {
    let squares = values.clone().powi_scalar(2).sum_dim(over);
    let is_zero = squares.clone().inner().lower_equal_elem(LEAST * LEAST);
    let lengths = squares.mask_fill(is_zero.clone(), 1.0).sqrt() + added;
    // Not the vectors are masked but what they are multiplied with: one number for each.
    values * lengths.recip().mask_fill(is_zero, 0.0)
}

/// Vectors of length 1 over this dimension; 0, a constant, for one without length.
pub(crate) fn unit<const D: usize>(values: Tensor<D>, over: usize) -> Tensor<D> {
    unit_plus(values, over, 0.0)
}

/// The roots of squares; where these are below `least` its root, a constant.
pub(crate) fn roots<const D: usize>(squares: Tensor<D>, least: f64) -> Tensor<D> {
    let is_least = squares.clone().inner().lower_equal_elem(least);
    squares.mask_fill(is_least, least).sqrt()
}
