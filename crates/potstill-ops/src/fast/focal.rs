//! The focal loss of rows of sigmoids.

use burn::tensor::Tensor;
use potstill_kernels::{FocalLoss, Pool};

use super::summed::summed;

/// See [`crate::focal_loss`]; none if the fast form does not apply.
pub(crate) fn fast_focal_loss(
    logits: &Tensor<2>,
    targets: &[Option<usize>],
    weights: &[f64],
    loss: FocalLoss,
) -> Option<Tensor<1>> {
    let columns = logits.dims()[1];
    let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    summed(logits, |logits, gradient| {
        loss.of_rows(logits, columns, targets, &weights, gradient, Pool::global())
            .ok()
    })
}
