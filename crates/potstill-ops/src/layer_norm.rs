//! Layer normalisation.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, module::layer_norm},
};

use crate::{Scope, fast::fast_layer_norm};

/// Layer norm over the last dimension, the channels: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and biased variance
/// of each position by itself (Ba, Kiros and Hinton 2016). The same in every [`Mode`](crate::Mode).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[C]`.
    pub weight: Param<Tensor<1>>,
    /// `[C]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm {
    /// Weight 1, bias 0. PyTorch's default epsilon is 1e-5, most vision transformers take 1e-6.
    pub fn new(channels: usize, epsilon: f64, scope: &Scope) -> Self {
        Self {
            weight: scope.constant([channels], 1.0),
            bias: scope.constant([channels], 0.0),
            epsilon,
        }
    }

    /// What is added to the variance before the root.
    pub(crate) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Normalises `[..., C]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        fast_layer_norm(&x, self)
            .unwrap_or_else(|| layer_norm(x, self.weight.val(), Some(self.bias.val()), self.epsilon))
    }
}
