//! The fully connected layer.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{Pass, Scope};

/// `x W^T + b` on rows: `[N, I]` to `[N, O]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[O, I]`, PyTorch's layout.
    pub weight: Param<Tensor<2>>,
    /// `[O]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Weights and bias uniform in `1 / sqrt(inputs)`, PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self {
            weight: scope.uniform("weight", [outputs, inputs], bound),
            bias: scope.uniform("bias", [outputs], bound),
        }
    }

    /// Weights from the normal distribution with variance `2 / inputs` (He et al. 2015), bias as PyTorch's default.
    pub fn he_normal(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs], (2.0 / inputs as f64).sqrt()),
            ..Self::new(inputs, outputs, scope)
        }
    }

    /// Weights from the normal distribution with this deviation, bias 0.
    pub fn normal(inputs: usize, outputs: usize, deviation: f64, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs], deviation),
            bias: scope.constant([outputs], 0.0),
        }
    }

    /// Maps `[N, I]` to `[N, O]`.
    pub fn forward(&self, x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let [outputs, inputs] = self.weight.dims();
        pass.count((x.dims()[0] * inputs * outputs) as u64);
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}
