//! The two layers that every transformer block ends in.

use burn::module::Module;

use crate::{Activation, ForwardPass, Linear, Scope};

/// `fc2(gelu(fc1(x)))` on the channels of each place.
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

    /// Maps `[N, H, W, C]` to `[N, H, W, C]`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let hidden = pass.linear_act(x, &self.fc1, Activation::Gelu);
        pass.linear(hidden, &self.fc2)
    }

    /// `shortcut + fc2(gelu(fc1(x)))`.
    pub fn forward_add<P: ForwardPass>(&self, x: P::Map, shortcut: P::Map, pass: &mut P) -> P::Map {
        let hidden = pass.linear_act(x, &self.fc1, Activation::Gelu);
        pass.linear_add(hidden, &self.fc2, shortcut)
    }
}
