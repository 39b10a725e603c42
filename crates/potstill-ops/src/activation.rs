//! Element-wise activations, named so that a fused operation can take one as an argument.

use burn::tensor::{Tensor, activation};

/// What follows a normalised (and added) map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// Applies the activation to a tensor of any shape.
    #[must_use]
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
        }
    }
}
