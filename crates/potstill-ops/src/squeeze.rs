//! Squeeze and excitation: channels weighed by what the whole map shows (Hu, Shen and Sun 2018).

use burn::module::Module;

use crate::{Activation, Conv2d, Conv2dConfig, ForwardPass, Scope};

/// What makes a weight between 0 and 1 of any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `min(max(x + 3, 0), 6) / 6` (Howard et al. 2019, section 5.2).
    HardSigmoid,
}

/// `x * gate(fc2(activation(fc1(mean of x))))`.
#[derive(Module, Debug)]
pub struct SqueezeExcitation {
    fc1: Conv2d,
    fc2: Conv2d,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    gate: Gate,
}

impl SqueezeExcitation {
    /// From `channels` by way of `squeezed` back to `channels`.
    pub fn new([channels, squeezed]: [usize; 2], activation: Activation, gate: Gate, scope: &Scope) -> Self {
        let layer = |name, inputs, outputs| {
            Conv2d::he_normal_fan_out(Conv2dConfig::new(inputs, outputs, 1).with_bias(), &scope.at(name))
        };
        Self {
            fc1: layer("fc1", channels, squeezed),
            fc2: layer("fc2", squeezed, channels),
            activation,
            gate,
        }
    }

    /// `[N, H, W, C]` to `[N, H, W, C]`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let mean = pass.mean(x.clone());
        let squeezed = self.fc1.forward(mean, pass);
        let squeezed = pass.activate(squeezed, self.activation);
        let raised = self.fc2.forward(squeezed, pass);
        let weights = pass.gate(raised, self.gate);
        pass.multiply(x, weights)
    }
}
