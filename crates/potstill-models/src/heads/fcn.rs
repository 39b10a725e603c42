//! The head of a fully convolutional segmenter (Long, Shelhamer and Darrell 2015), as torchvision's `FCNHead`
//! has it.

use burn::tensor::Tensor;
use potstill_ops::{Activation, BatchNorm, Conv2d, Conv2dConfig, Pass, PointSide, Scope, conv_norm_act};

use crate::named::{Named, module_of_parts};

/// A 3x3 convolution to a quarter of the channels with batch norm and ReLU, and a 1x1 convolution to the
/// classes.
///
/// Tensors have torchvision's names `0`, `1` and `4`. The dropout at `3` is left out. Points: `2` before and
/// after its ReLU, and `4`, the logits at the size of the map.
#[derive(Debug, Clone)]
pub(crate) struct FcnHead {
    conv: Named<Conv2d>,
    norm: Named<BatchNorm>,
    classifier: Named<Conv2d>,
}

module_of_parts!(FcnHead { conv, norm, classifier } with {});

impl FcnHead {
    /// A head for maps of `inputs` channels, its weights uniform as PyTorch's default.
    pub fn new(inputs: usize, classes: usize, scope: &Scope) -> Self {
        let inner = (inputs / 4).max(1);
        let conv = |place: usize, config| {
            Named::new(place.to_string(), Conv2d::uniform(config, 1.0, &scope.at(place)))
        };
        Self {
            conv: conv(0, Conv2dConfig::new(inputs, inner, 3)),
            norm: Named::new("1", BatchNorm::new(inner, &scope.at(1))),
            classifier: conv(4, Conv2dConfig::new(inner, classes, 1).with_bias()),
        }
    }

    /// Logits `[N, h, w, K]` of a map `[N, h, w, C]`.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let (conv, norm, relu) = (self.conv.get(), self.norm.get(), Activation::Relu);
        let x = conv_norm_act(map, conv, norm, None, relu, "2", pass);
        let logits = self.classifier.get().forward(x, pass);
        pass.show("4", PointSide::Post, logits)
    }
}
