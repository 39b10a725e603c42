//! The head that outlines what a region shows (He et al. 2017, "Mask R-CNN", figure 4, right), as torchvision's `MaskRCNNHeads` and
//! `MaskRCNNPredictor` have it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Pass, Scope, conv_norm,
};

use crate::backbones::{ConvNorm, conv_and_norm};

/// Four 3x3 convolutions with ReLU, in the second generation with batch norm between: `0` to `3`.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a detector has one of them")]
pub(crate) enum MaskHead {
    /// Without batch norm.
    Plain(Vec<[Conv2d; 1]>),
    /// With it.
    Normed(Vec<ConvNorm>),
}

/// The convolutions.
const DEPTH: usize = 4;

impl MaskHead {
    /// For pooled regions of `inputs` channels, of so many channels inside, with batch norm or without.
    pub fn new(inputs: usize, channels: usize, normed: bool, scope: &Scope) -> Self {
        let config = |at| Conv2dConfig::new(if at == 0 { inputs } else { channels }, channels, 3);
        let places = 0..DEPTH;
        if normed {
            return Self::Normed(
                places
                    .map(|at| conv_and_norm(config(at), &scope.at(at)))
                    .collect(),
            );
        }
        let conv = |at: usize| Conv2d::he_normal_fan_out(config(at).with_bias(), &scope.at(at).at(0));
        Self::Plain(places.map(|at| [conv(at)]).collect())
    }

    /// `[R, h, w, inputs]` to `[R, h, w, channels]`.
    pub fn forward(&self, pooled: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let relu = Activation::Relu;
        match self {
            Self::Plain(convs) => convs
                .iter()
                .fold(pooled, |x, [conv]| relu.apply(conv.forward(x, pass))),
            Self::Normed(convs) => convs
                .iter()
                .fold(pooled, |x, (conv, norm)| conv_norm(x, conv, norm, relu, pass)),
        }
    }
}

/// From the map of a region to a mask of twice its size for each column.
#[derive(Module, Debug)]
pub(crate) struct MaskPredictor {
    conv5_mask: ConvTranspose2d,
    mask_fcn_logits: Conv2d,
}

impl MaskPredictor {
    /// Of so many channels and columns.
    pub fn new(channels: usize, columns: usize, scope: &Scope) -> Self {
        let logits = Conv2dConfig::new(channels, columns, 1).with_bias();
        let doubled = ConvTranspose2dConfig::new(channels, channels, 2)
            .stride(2)
            .with_bias();
        // What PyTorch's `kaiming_normal_(mode="fan_out")` makes of the layout of a transposed convolution.
        let deviation = (2.0 / (4 * channels) as f64).sqrt();
        Self {
            conv5_mask: ConvTranspose2d::normal(doubled, deviation, &scope.at("conv5_mask")),
            mask_fcn_logits: Conv2d::he_normal_fan_out(logits, &scope.at("mask_fcn_logits")),
        }
    }

    /// Logits `[R, 2 h, 2 w, K]` of a map `[R, h, w, C]`.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let x = Activation::Relu.apply(self.conv5_mask.forward(map, pass));
        self.mask_fcn_logits.forward(x, pass)
    }
}
