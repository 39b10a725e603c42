//! EfficientNet-B0 (Tan and Le 2019, table 1), as torchvision has it.
//!
//! | stage | maps (224x224 input) | blocks | channels | expansion | kernel |
//! |---|---|---|---|---|---|
//! | `features.0` | 112x112 | – | 32 | – | 3 |
//! | `features.1` | 112x112 | 1 | 16 | 1 | 3 |
//! | `features.2` | 56x56 | 2 | 24 | 6 | 3 |
//! | `features.3` | 28x28 | 2 | 40 | 6 | 5 |
//! | `features.4` | 14x14 | 3 | 80 | 6 | 3 |
//! | `features.5` | 14x14 | 3 | 112 | 6 | 5 |
//! | `features.6` | 7x7 | 4 | 192 | 6 | 5 |
//! | `features.7` | 7x7 | 1 | 320 | 6 | 3 |
//! | `features.8` | 7x7 | – | 1280 | – | 1 |
//! | `pool` | 1x1 | – | 1280 | – | – |
//!
//! Dropout and stochastic depth are left out. Points: `features.0` and `features.8` before and after their
//! swish, every block (`features.1.0`, which ends without an activation), and `pool`.

use burn::module::Module;
use potstill_ops::{Activation, Conv2dConfig, ForwardPass, Gate, Linear, Scope, conv_norm_act};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    inverted_residual::{ConvNorm, InvertedResidual, InvertedResidualConfig, conv_and_norm},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    imagenet::entry("efficientnet_b0", Architecture::EfficientNet(EfficientNetConfig), imagenet::torchvision("classifier.1"),
        [5_288_548, 385_814_752], "EfficientNet-B0 (Tan and Le 2019)"),
];

/// Expansion, kernel, stride, channels and blocks of each stage.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

/// Channels of the stem and of the last convolution.
const STEM: usize = 32;
const EMBEDDING: usize = 1280;

/// There is one network of this family so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EfficientNetConfig;

impl Family for EfficientNetConfig {
    type Backbone = EfficientNet;

    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> EfficientNet {
        let place = |i: usize| scope.at("features").at(i);
        let stem = Conv2dConfig::new(channels, STEM, 3).stride(2);
        let mut features = vec![Feature::Unit(conv_and_norm(stem, &place(0)))];
        let mut inputs = STEM;
        for (expansion, kernel, stride, outputs, blocks) in STAGES {
            let scope = place(features.len());
            let block = |k| {
                let from = if k == 0 { inputs } else { outputs };
                let stride = if k == 0 { stride } else { 1 };
                let config = InvertedResidualConfig {
                    inputs: from,
                    wide: from * expansion,
                    outputs,
                    kernel,
                    stride,
                    dilation: 1,
                    adds: stride == 1 && from == outputs,
                    squeezed: from / 4,
                    activation: Activation::Silu,
                    excitation: (Activation::Silu, Gate::Sigmoid),
                    norm: (0.1, 1e-5),
                };
                InvertedResidual::new(&config, &scope.at(k))
            };
            features.push(Feature::Stage((0..blocks).map(block).collect()));
            inputs = outputs;
        }
        if extent == Extent::Whole {
            let last = Conv2dConfig::new(inputs, EMBEDDING, 1);
            features.push(Feature::Unit(conv_and_norm(last, &place(features.len()))));
        }
        EfficientNet { features }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let last = Linear::new(inputs, classes, &scope.at("classifier").at(1));
        ClassificationHead::new("classifier.1", last)
    }

    fn embedding(&self) -> usize {
        EMBEDDING
    }

    fn stem(&self) -> &'static str {
        "features.0"
    }

    /// The last block of each map size from a quarter on.
    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, stride): (usize, usize)| {
            let (.., channels, blocks) = STAGES[i - 1];
            Stage::linear(format!("features.{i}.{}", blocks - 1), channels, stride)
        };
        [(2, 4), (3, 8), (5, 16), (7, 32)].map(stage).into()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("features.6.0", "features.8")
    }
}

/// An EfficientNet.
#[derive(Module, Debug)]
pub(crate) struct EfficientNet {
    features: Vec<Feature>,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "two units stand among the stages")]
enum Feature {
    Unit(ConvNorm),
    Stage(Vec<InvertedResidual>),
}

impl BackboneNetwork for EfficientNet {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = images;
        for (i, feature) in self.features.iter().enumerate() {
            match feature {
                Feature::Unit((conv, norm)) => {
                    let path = format!("features.{i}");
                    x = conv_norm_act(x, conv, norm, None, Activation::Silu, &path, pass);
                }
                Feature::Stage(blocks) => {
                    for (k, block) in blocks.iter().enumerate() {
                        x = block.forward(x, &format!("features.{i}.{k}"), pass);
                    }
                }
            }
        }
        x
    }
}
