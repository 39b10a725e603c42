//! ENet's block that doubles height and width: a bottleneck of transposed convolutions beside an unpooled shortcut.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Pass, PoolIndices,
    Scope, act, batch_norm, max_unpool,
};

/// A block.
#[derive(Module, Debug)]
pub(super) struct Doubling {
    convt1: ConvTranspose2d,
    batchnorm1: BatchNorm,
    convt2: ConvTranspose2d,
    batchnorm2: BatchNorm,
    convt3: ConvTranspose2d,
    batchnorm3: BatchNorm,
    main_conv: Conv2d,
    #[module(skip)]
    path: String,
}

impl Doubling {
    pub fn new([inputs, outputs]: [usize; 2], scope: &Scope) -> Self {
        let inner = (inputs / 4).max(1);
        let transposed = |name, config| ConvTranspose2d::uniform(config, 1.0, &scope.at(name));
        let across = ConvTranspose2dConfig::new(inner, inner, 3)
            .stride(2)
            .padding(1, 1);
        let main = Conv2dConfig::new(inputs, outputs, 1).with_bias();
        Self {
            convt1: transposed("convt1", ConvTranspose2dConfig::new(inputs, inner, 1)),
            batchnorm1: BatchNorm::new(inner, &scope.at("batchnorm1")),
            convt2: transposed("convt2", across),
            batchnorm2: BatchNorm::new(inner, &scope.at("batchnorm2")),
            convt3: transposed("convt3", ConvTranspose2dConfig::new(inner, outputs, 1)),
            batchnorm3: BatchNorm::new(outputs, &scope.at("batchnorm3")),
            main_conv: Conv2d::uniform(main, 1.0, &scope.at("main_conv")),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, 2 H, 2 W, O]`, ending at the point of the block's path; the shortcut's values go where `indices` say.
    pub fn forward(&self, x: Tensor<4>, indices: &PoolIndices, pass: &mut Pass<'_>) -> Tensor<4> {
        let shortcut = max_unpool(self.main_conv.forward(x.clone(), pass), indices);
        let (relu, none) = (Activation::Relu, Activation::Identity);
        let x = batch_norm(self.convt1.forward(x, pass), &self.batchnorm1, relu, pass);
        let x = batch_norm(self.convt2.forward(x, pass), &self.batchnorm2, relu, pass);
        let x = batch_norm(self.convt3.forward(x, pass), &self.batchnorm3, none, pass);
        act(x + shortcut, relu, &self.path, pass)
    }
}
