//! The head of a fully convolutional segmenter (Long, Shelhamer and Darrell 2015), as torchvision's `FCNHead`
//! and MMSegmentation's have it. Beside other heads it is the auxiliary classifier.

use potstill_ops::{Activation, Conv2d, Conv2dConfig, ForwardPass, PointSide, Scope, conv_norm_act};

use super::conv_norm::ConvNorm;
use crate::named::{Named, module_of_parts};

/// What a head's layers are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FcnNames {
    /// Where convolution and batch norm stand, and what they are called there.
    unit: (&'static str, [&'static str; 2]),
    /// The point behind the batch norm.
    activation: &'static str,
    classifier: &'static str,
}

impl FcnNames {
    /// `0`, `1` and `4`; the ReLU is `2`.
    pub const TORCHVISION: Self = Self {
        unit: ("", ["0", "1"]),
        activation: "2",
        classifier: "4",
    };
    /// `convs.0.conv`, `convs.0.bn` and `conv_seg`.
    pub const MMSEGMENTATION: Self = Self {
        unit: ("convs.0", ["conv", "bn"]),
        activation: "convs.0",
        classifier: "conv_seg",
    };
}

/// A 3x3 convolution to a quarter of the channels with batch norm and ReLU, and a 1x1 convolution to the classes.
///
/// The dropout before the last layer is left out. Points: the activation before and after its ReLU, and the
/// classifier, the logits.
#[derive(Debug, Clone)]
pub(crate) struct FcnHead {
    unit: Named<ConvNorm>,
    classifier: Named<Conv2d>,
    names: FcnNames,
}

module_of_parts!(FcnHead { unit, classifier } with { names });

impl FcnHead {
    /// A head for maps of `inputs` channels with `inner` inside, its weights uniform as PyTorch's default.
    pub fn new([inputs, inner]: [usize; 2], classes: usize, names: FcnNames, scope: &Scope) -> Self {
        let inner = inner.max(1);
        let (path, parts) = names.unit;
        let below = if path.is_empty() {
            scope.clone()
        } else {
            scope.at(path)
        };
        let unit = ConvNorm::new(Conv2dConfig::new(inputs, inner, 3), parts, &below);
        let classifier = Conv2dConfig::new(inner, classes, 1).with_bias();
        let classifier = Conv2d::uniform(classifier, 1.0, &scope.at(names.classifier));
        Self {
            unit: Named::new(path, unit),
            classifier: Named::new(names.classifier, classifier),
            names,
        }
    }

    /// Logits `[N, h, w, K]` of a map `[N, h, w, C]`.
    pub fn forward<P: ForwardPass>(&self, map: P::Map, pass: &mut P) -> P::Map {
        let (conv, norm) = self.unit.get().parts();
        let (relu, names) = (Activation::Relu, self.names);
        let x = conv_norm_act(map, conv, norm, None, relu, names.activation, pass);
        let logits = self.classifier.get().forward(x, pass);
        pass.show(names.classifier, PointSide::Post, logits)
    }
}
