//! The global context block (Cao, Xu, Lin, Wei and Hu 2019), by which FGD sees the relation of every place to the whole image.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        activation::{relu, softmax},
    },
};
use potstill_ops::{Conv2d, Conv2dConfig, LayerNorm, Pass, Scope};

/// Adds to every place of a map what its attention gathers over all places, through two 1x1 convolutions with layer norm and ReLU between.
///
/// The last convolution is 0 at first: the block then gives its map back.
#[derive(Module, Debug)]
pub struct ContextBlock {
    mask: Conv2d,
    squeeze: Conv2d,
    norm: LayerNorm,
    expand: Conv2d,
}

impl ContextBlock {
    /// For maps of so many channels, with half of them inside.
    pub fn new(channels: usize, scope: &Scope) -> Self {
        let inner = (channels / 2).max(1);
        let config = |inputs, outputs| Conv2dConfig::new(inputs, outputs, 1).with_bias();
        let mut expand = Conv2d::uniform(config(inner, channels), 1.0, &scope.at("expand"));
        expand.weight = scope.constant([channels, inner, 1, 1], 0.0);
        expand.bias = Some(scope.constant([channels], 0.0));
        Self {
            // The authors draw the mask from the normal distribution of He et al. and leave the rest at PyTorch's default.
            mask: Conv2d::he_normal(config(channels, 1), &scope.at("mask")),
            squeeze: Conv2d::uniform(config(channels, inner), 1.0, &scope.at("squeeze")),
            norm: LayerNorm::new(inner, 1e-5, &scope.at("norm")),
            expand,
        }
    }

    /// A map `[N, H, W, C]` with its context.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let [n, h, w, c] = map.dims();
        let attention = softmax(self.mask.forward(map.clone(), pass).reshape([n, 1, h * w]), 2);
        let context = attention.matmul(map.clone().reshape([n, h * w, c]));
        pass.count((n * h * w * c) as u64);
        let inner = self.squeeze.forward(context.reshape([n, 1, 1, c]), pass);
        let inner = relu(self.norm.forward(inner));
        map + self.expand.forward(inner, pass)
    }
}
