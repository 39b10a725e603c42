//! Numbers with mean 0 and deviation 1.

use burn::tensor::Tensor;

/// `(x - mean) / (deviation + epsilon)` over this dimension, with the unbiased deviation.
///
/// Where there is no variation it is 0, a constant: what it is divided by would make the gradient a million times too large. Of one number alone
/// likewise.
pub(crate) fn standardised(values: Tensor<2>, over: usize, epsilon: f64) -> Tensor<2> {
    let count = values.dims()[over];
    let centred = values.clone() - values.mean_dim(over);
    let share = 1.0 / count.saturating_sub(1).max(1) as f64;
    let variance = centred.clone().powi_scalar(2).sum_dim(over) * share;
    let is_constant = variance.clone().inner().lower_equal_elem(epsilon * epsilon);
    let deviation = variance.mask_fill(is_constant.clone(), 1.0).sqrt() + epsilon;
    let standard = centred * deviation.recip();
    let shape = standard.shape();
    standard.mask_fill(is_constant.expand(shape), 0.0)
}
