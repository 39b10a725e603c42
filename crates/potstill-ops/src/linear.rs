//! The fully connected layer.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{
    Activation, Pass, Scope,
    fast::{PackedLinearCache, fast_linear},
};

/// `x W^T + b` on rows: `[..., I]` to `[..., O]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[O, I]`, PyTorch's layout.
    pub weight: Param<Tensor<2>>,
    /// `[O]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// The weight as the product reads it, for frozen networks.
    #[module(skip)]
    packed: PackedLinearCache,
}

impl Linear {
    /// The layer of this weight `[O, I]` and bias `[O]`.
    pub fn of(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Self {
            weight,
            bias,
            packed: PackedLinearCache::default(),
        }
    }

    /// Weights and bias uniform in `1 / sqrt(inputs)`, PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self::of(
            scope.uniform("weight", [outputs, inputs], bound),
            Some(scope.uniform("bias", [outputs], bound)),
        )
    }

    /// Weights from the normal distribution with variance `2 / inputs` (He et al. 2015), bias as PyTorch's default.
    pub fn he_normal(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs], (2.0 / inputs as f64).sqrt()),
            ..Self::new(inputs, outputs, scope)
        }
    }

    /// Weight and bias 0, to be given their values: nothing is drawn.
    pub fn zeros(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        Self::of(
            scope.constant([outputs, inputs], 0.0),
            Some(scope.constant([outputs], 0.0)),
        )
    }

    /// Weights from the normal distribution with this standard deviation, bias 0: 0.02 in transformers, 0.01 in the classifiers of
    /// some mobile networks.
    pub fn normal(inputs: usize, outputs: usize, deviation: f64, scope: &Scope) -> Self {
        Self::of(
            scope.normal("weight", [outputs, inputs], deviation),
            Some(scope.constant([outputs], 0.0)),
        )
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    pub(crate) fn packed(&self) -> &PackedLinearCache {
        &self.packed
    }

    /// Maps `[..., I]` to `[..., O]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &mut Pass<'_>) -> Tensor<D> {
        self.compute(x, Activation::Identity, None, pass)
    }

    /// `residual + activation(x W^T + b)`: `[..., I]` to `[..., O]`.
    pub(crate) fn compute<const D: usize>(
        &self,
        x: Tensor<D>,
        activation: Activation,
        residual: Option<Tensor<D>>,
        pass: &mut Pass<'_>,
    ) -> Tensor<D> {
        let [outputs, inputs] = self.weight.dims();
        let rows = x.dims()[..D - 1].iter().product::<usize>();
        pass.count((rows * inputs * outputs) as u64);
        if let Some(y) = fast_linear(&x, self, activation, residual.as_ref()) {
            return y;
        }
        let y = activation.apply(self.portable(x));
        match residual {
            Some(residual) => residual + y,
            None => y,
        }
    }

    fn portable<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let [outputs, inputs] = self.weight.dims();
        let mut shape = x.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        let y = x.reshape([rows, inputs]).matmul(self.weight.val().transpose());
        let y = match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        };
        shape[D - 1] = outputs;
        y.reshape(shape)
    }
}
