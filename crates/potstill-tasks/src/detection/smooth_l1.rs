//! The smooth L1 loss.

use burn::tensor::Tensor;

/// Of each difference its square by `2 beta` where it is smaller than `beta`, else its amount less half of `beta` (Girshick 2015, equation
/// 3); with `beta` 0 the plain L1 loss.
pub fn smooth_l1<const D: usize>(difference: Tensor<D>, beta: f64) -> Tensor<D> {
    let amount = difference.clone().abs();
    if beta <= 0.0 {
        return amount;
    }
    let is_small = amount.clone().lower_elem(beta);
    let square = difference.powi_scalar(2) * (0.5 / beta);
    (amount - 0.5 * beta).mask_where(is_small, square)
}
