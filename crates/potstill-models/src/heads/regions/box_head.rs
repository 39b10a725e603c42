//! The head that names what a region shows and mends its box (Girshick 2015, "Fast R-CNN"; Lin et al. 2017, "Feature Pyramid Networks"), as
//! torchvision's `TwoMLPHead`, `FastRCNNConvFCHead` and `FastRCNNPredictor` have it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Activation, BatchNorm, Conv2d, Conv2dConfig, Linear, Pass, Scope, conv_norm};

use crate::{
    backbones::{ConvNorm, conv_and_norm},
    named::{Named, module_of_parts},
};

/// From a pooled region to its embedding.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a detector has one of them")]
pub(crate) enum BoxHead {
    /// Two linear layers, each with ReLU: `fc6`, `fc7`.
    Linear(TwoLinear),
    /// Four 3x3 convolutions with batch norm and ReLU, and a linear layer with ReLU: `0` to `3` and `5`.
    Convolutional(ConvLinear),
}

/// Two linear layers.
#[derive(Module, Debug)]
pub(crate) struct TwoLinear {
    fc6: Linear,
    fc7: Linear,
}

/// Convolutions and a linear layer.
#[derive(Debug, Clone)]
pub(crate) struct ConvLinear {
    convs: Vec<ConvNorm>,
    linear: Named<Linear>,
}

module_of_parts!(ConvLinear { convs, linear } with {});

/// The convolutions of the second kind.
const DEPTH: usize = 4;

impl BoxHead {
    /// Two linear layers over pooled regions `[R, side, side, C]`.
    pub fn linear([channels, side]: [usize; 2], width: usize, scope: &Scope) -> Self {
        Self::Linear(TwoLinear {
            fc6: Linear::new(channels * side * side, width, &scope.at("fc6")),
            fc7: Linear::new(width, width, &scope.at("fc7")),
        })
    }

    /// Convolutions and a linear layer over the same.
    pub fn convolutional([channels, side]: [usize; 2], width: usize, scope: &Scope) -> Self {
        let conv = |at: usize| conv_and_norm(Conv2dConfig::new(channels, channels, 3), &scope.at(at));
        let linear = Linear::new(channels * side * side, width, &scope.at(5));
        Self::Convolutional(ConvLinear {
            convs: (0..DEPTH).map(conv).collect(),
            linear: Named::new("5", linear),
        })
    }

    /// `[R, side, side, C]` to embeddings `[R, width]`.
    pub fn forward(&self, pooled: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let relu = |x: Tensor<2>| Activation::Relu.apply(x);
        match self {
            Self::Linear(TwoLinear { fc6, fc7 }) => {
                let x = relu(fc6.forward(channel_first(pooled), pass));
                relu(fc7.forward(x, pass))
            }
            Self::Convolutional(ConvLinear { convs, linear }) => {
                let apply =
                    |x, (conv, norm): &(Conv2d, BatchNorm)| conv_norm(x, conv, norm, Activation::Relu, pass);
                let x = convs.iter().fold(pooled, apply);
                relu(linear.get().forward(channel_first(x), pass))
            }
        }
    }
}

/// `[R, H, W, C]` to `[R, C H W]`: the order in which the linear layer's weights count.
fn channel_first(pooled: Tensor<4>) -> Tensor<2> {
    let [rows, height, width, channels] = pooled.dims();
    let inputs = channels * height * width;
    pooled.permute([0, 3, 1, 2]).reshape([rows, inputs])
}

/// From the embedding of a region to one logit for each column, the first of which is the background, and a box for each.
#[derive(Module, Debug)]
pub(crate) struct BoxPredictor {
    cls_score: Linear,
    bbox_pred: Linear,
}

impl BoxPredictor {
    /// Of so many columns.
    pub fn new(width: usize, columns: usize, scope: &Scope) -> Self {
        Self {
            cls_score: Linear::new(width, columns, &scope.at("cls_score")),
            bbox_pred: Linear::new(width, 4 * columns, &scope.at("bbox_pred")),
        }
    }

    /// Logits `[R, K]` and the four numbers of each box, `[R, K, 4]`.
    pub fn forward(&self, embedding: Tensor<2>, pass: &mut Pass<'_>) -> (Tensor<2>, Tensor<3>) {
        let logits = self.cls_score.forward(embedding.clone(), pass);
        let [rows, columns] = logits.dims();
        let codes = self.bbox_pred.forward(embedding, pass);
        (logits, codes.reshape([rows, columns, 4]))
    }
}
