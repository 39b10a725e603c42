//! Gradient clipping by the norm of all gradients together.

use burn::tensor::{Gradients, Tensor};
use potstill_ops::Parameters;

/// The factor by which every gradient must be multiplied so that their common norm is at most `limit`, as PyTorch's
/// `clip_grad_norm_`: `limit / (norm + 1e-6)`, at most 1.
pub fn clip_by_global_norm(parts: &[&dyn Parameters], gradients: &Gradients, limit: f64) -> f64 {
    let mut norm = GlobalNorm::default();
    for part in parts {
        part.each_gradient(gradients, &mut |_, gradient| norm.add(gradient));
    }
    norm.clip_factor(limit)
}

/// The norm of gradients together. The squares of each are summed where it lies, and all sums are read in one transfer.
#[derive(Debug, Default)]
pub struct GlobalNorm {
    sums: Vec<Tensor<1>>,
}

impl GlobalNorm {
    /// Takes in a gradient.
    pub fn add(&mut self, gradient: Tensor<1>) {
        let sum = (gradient.clone() * gradient).sum();
        self.sums.push(match self.sums.first() {
            Some(first) if first.dtype() != sum.dtype() => sum.cast(first.dtype()),
            _ => sum,
        });
    }

    /// The factor that brings the norm to at most `limit`; 1 of no gradients.
    pub fn clip_factor(self, limit: f64) -> f64 {
        if self.sums.is_empty() {
            return 1.0;
        }
        let squares: f64 = Tensor::cat(self.sums, 0).into_data().iter::<f64>().sum();
        (limit / (squares.sqrt() + 1e-6)).min(1.0)
    }
}
