//! The two layers that every transformer block ends in.

use burn::{module::Module, tensor::Tensor};

use crate::{Activation, Linear, Pass, Scope};

/// `fc2(gelu(fc1(x)))` on the last dimension.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// From `channels` by way of `hidden` back to `channels`; weights normal with deviation 0.02, biases 0.
    pub fn new(channels: usize, hidden: usize, scope: &Scope) -> Self {
        Self {
            fc1: Linear::normal(channels, hidden, 0.02, &scope.at("fc1")),
            fc2: Linear::normal(hidden, channels, 0.02, &scope.at("fc2")),
        }
    }

    /// Maps `[..., C]` to `[..., C]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: &mut Pass<'_>) -> Tensor<D> {
        let hidden = Activation::Gelu.apply(self.fc1.forward(x, pass));
        self.fc2.forward(hidden, pass)
    }
}
