//! 1x1 convolutions that bring the student's channels to the teacher's.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Conv2d, Conv2dConfig, Pass, Scope};

use super::{Levels, Pair, resized};

/// One convolution with bias for each level, where the channels differ. They exist in training only.
#[derive(Module, Debug)]
pub(crate) struct Aligners {
    levels: Vec<Option<Conv2d>>,
}

impl Aligners {
    /// For every level whose channels differ.
    pub fn where_needed(levels: &Levels, scope: &Scope) -> Self {
        Self::new(levels, |[ours, theirs]| ours != theirs, scope)
    }

    /// For every level.
    pub fn everywhere(levels: &Levels, scope: &Scope) -> Self {
        Self::new(levels, |_| true, scope)
    }

    /// Weights and biases are drawn as PyTorch does by default.
    fn new(levels: &Levels, is_needed: impl Fn([usize; 2]) -> bool, scope: &Scope) -> Self {
        let conv = |(index, channels): (usize, [usize; 2])| {
            let [inputs, outputs] = channels;
            let config = Conv2dConfig::new(inputs, outputs, 1).with_bias();
            is_needed(channels).then(|| Conv2d::uniform(config, 1.0, &scope.at("levels").at(index)))
        };
        let channels = levels.iter().map(|level| level.channels);
        Self {
            levels: channels.enumerate().map(conv).collect(),
        }
    }

    /// The student's maps with the channels and the size of the teacher's, level by level.
    pub fn aligned(&self, maps: Vec<Pair>, pass: &mut Pass<'_>) -> Vec<Pair> {
        let levels = maps.into_iter().enumerate();
        let aligned = levels.map(|(level, [ours, theirs])| resized(self.forward(level, ours, pass), theirs));
        aligned.collect()
    }

    /// The student's map `[N, H, W, C]` of this level with the teacher's channels.
    pub fn forward(&self, level: usize, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        match self.levels.get(level) {
            Some(Some(conv)) => conv.forward(map, pass),
            _ => map,
        }
    }
}
