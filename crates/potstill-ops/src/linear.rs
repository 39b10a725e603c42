//! The fully connected layer.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{Pass, Scope};

/// `x W^T + b` on rows: `[..., I]` to `[..., O]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[O, I]`, PyTorch's layout.
    pub weight: Param<Tensor<2>>,
    /// `[O]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// Weights and bias uniform in `1 / sqrt(inputs)`, PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self {
            weight: scope.uniform("weight", [outputs, inputs], bound),
            bias: Some(scope.uniform("bias", [outputs], bound)),
        }
    }

    /// Weights from the normal distribution with variance `2 / inputs` (He et al. 2015), bias as PyTorch's default.
    pub fn he_normal(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs], (2.0 / inputs as f64).sqrt()),
            ..Self::new(inputs, outputs, scope)
        }
    }

    /// Weights from the normal distribution with this standard deviation, bias 0: 0.02 in transformers, 0.01 in the classifiers of
    /// some mobile networks.
    pub fn normal(inputs: usize, outputs: usize, deviation: f64, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs], deviation),
            bias: Some(scope.constant([outputs], 0.0)),
        }
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// Maps `[..., I]` to `[..., O]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &mut Pass<'_>) -> Tensor<D> {
        let [outputs, inputs] = self.weight.dims();
        let mut shape = x.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        pass.count((rows * inputs * outputs) as u64);
        let y = x.reshape([rows, inputs]).matmul(self.weight.val().transpose());
        let y = match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        };
        shape[D - 1] = outputs;
        y.reshape(shape)
    }
}
