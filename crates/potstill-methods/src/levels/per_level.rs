//! Modules of a method that stand beside the student, one for each level.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Activation, BatchNorm, Conv2d, Pass, Scope, conv_norm};

use super::{Level, Levels, Pair};

/// A module for each level, shallow to deep. They exist in training only.
#[derive(Module, Debug)]
pub(crate) struct PerLevel<M: Module> {
    levels: Vec<M>,
}

impl<M: Module> PerLevel<M> {
    /// What `make` makes of each level, in a scope of its own.
    pub fn of(levels: &Levels, scope: &Scope, make: impl Fn(&Level, &Scope) -> M) -> Self {
        let scope = scope.at("levels");
        let each = levels.iter().enumerate();
        Self {
            levels: each.map(|(index, level)| make(level, &scope.at(index))).collect(),
        }
    }

    /// The modules beside the maps of their levels.
    pub fn beside(&self, maps: Vec<Pair>) -> impl Iterator<Item = (Pair, &M)> {
        maps.into_iter().zip(&self.levels)
    }
}

/// A 1x1 convolution without bias and its batch norm, which bring the student's channels to the teacher's.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Embedding {
    /// A convolution that was drawn at `conv` of this scope, and a batch norm behind it.
    pub fn of(conv: Conv2d, scope: &Scope) -> Self {
        let outputs = conv.config().outputs;
        Self {
            conv,
            norm: BatchNorm::new(outputs, &scope.at("norm")),
        }
    }

    /// `[N, H, W, I]` to `[N, H, W, O]`.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        conv_norm(map, &self.conv, &self.norm, Activation::Identity, pass)
    }
}
