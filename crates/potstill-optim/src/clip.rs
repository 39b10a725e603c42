//! Gradient clipping by the norm of all gradients together.

use burn::tensor::{Gradients, Tensor};
use potstill_ops::Parameters;

/// The factor by which every gradient must be multiplied so that their common norm is at most `limit`, as PyTorch's
/// `clip_grad_norm_`: `limit / (norm + 1e-6)`, at most 1. The squares of each gradient are summed where it lies, and all sums are read
/// in one transfer.
pub fn clip_by_global_norm(parts: &[&dyn Parameters], gradients: &Gradients, limit: f64) -> f64 {
    let mut sums: Vec<Tensor<1>> = Vec::new();
    for part in parts {
        part.each_gradient(gradients, &mut |_, gradient| {
            let sum = (gradient.clone() * gradient).sum();
            sums.push(match sums.first() {
                Some(first) if first.dtype() != sum.dtype() => sum.cast(first.dtype()),
                _ => sum,
            });
        });
    }
    if sums.is_empty() {
        return 1.0;
    }
    let squares: f64 = Tensor::cat(sums, 0).into_data().iter::<f64>().sum();
    (limit / (squares.sqrt() + 1e-6)).min(1.0)
}
