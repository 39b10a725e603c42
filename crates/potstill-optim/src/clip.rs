//! Gradient clipping by the norm of all gradients together.

use burn::tensor::Gradients;
use potstill_ops::Parameters;

/// The factor by which every gradient must be multiplied so that their common norm is at most `limit`, as PyTorch's
/// `clip_grad_norm_`: `limit / (norm + 1e-6)`, at most 1.
pub fn clip_by_global_norm(parts: &[&dyn Parameters], gradients: &Gradients, limit: f64) -> f64 {
    let mut squares = 0.0;
    for part in parts {
        part.each_gradient(gradients, &mut |_, gradient| {
            let sum = (gradient.clone() * gradient)
                .sum()
                .into_data()
                .iter::<f64>()
                .next();
            squares += sum.unwrap_or_default();
        });
    }
    (limit / (squares.sqrt() + 1e-6)).min(1.0)
}
