//! Element-wise activations, named so that a fused operation can take one as an argument.

use burn::tensor::{Tensor, activation};

use crate::fast::activated;

/// What follows a normalised (and added) map. The derivative at a kink is that of the flat side, as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` where positive, else this slope times `x`.
    LeakyRelu(f32),
    /// `x * min(max(x + 3, 0), 6) / 6` (Howard et al. 2019, section 5.2).
    HardSwish,
    /// `x / (1 + exp(-x))`, also called swish.
    Silu,
    /// `x * P(normal < x)` by the error function, not by its tanh approximation (Hendrycks and Gimpel 2016). Backends other
    /// than the CPU take its derivative from the approximation.
    Gelu,
}

impl Activation {
    /// Applies the activation to a tensor of any shape.
    #[must_use]
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
            Self::Relu6 => relu6(x),
            Self::LeakyRelu(slope) => {
                let negative = x.clone().lower_equal_elem(0.0);
                x.clone().mask_where(negative, x * f64::from(slope))
            }
            Self::HardSwish => x.clone() * relu6(x + 3.0) * (1.0 / 6.0),
            Self::Silu => activation::silu(x),
            Self::Gelu => activated(&x, self).unwrap_or_else(|| activation::gelu(x)),
        }
    }
}

/// Clamping alone would let the gradient through at 0 itself, where dead channels lie.
fn relu6<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::relu(x).clamp_max(6.0)
}
