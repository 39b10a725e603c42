//! MobileNetV2 for large images (Sandler et al. 2018, table 2), as torchvision has it.
//!
//! | stage | maps (224x224 input) | blocks | channels | expansion |
//! |---|---|---|---|---|
//! | `features.0` | 112x112 | – | 32 | – |
//! | `features.1` | 112x112 | 1 | 16 | 1 |
//! | `features.2` … `3` | 56x56 | 2 | 24 | 6 |
//! | `features.4` … `6` | 28x28 | 3 | 32 | 6 |
//! | `features.7` … `10` | 14x14 | 4 | 64 | 6 |
//! | `features.11` … `13` | 14x14 | 3 | 96 | 6 |
//! | `features.14` … `16` | 7x7 | 3 | 160 | 6 |
//! | `features.17` | 7x7 | 1 | 320 | 6 |
//! | `features.18` | 7x7 | – | 1280 | – |
//! | `pool` | 1x1 | – | 1280 | – |
//!
//! The dropout before the classifier is left out. Points: `features.0` and `features.18` before and after
//! their ReLU6, every block (which ends without an activation), and `pool`.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Linear, Scope, conv_norm, conv_norm_act,
};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    inverted_residual::{ConvNorm, conv_and_norm},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    imagenet::entry("mobilenet_v2", Architecture::MobileNetV2(MobileNetV2Config), imagenet::torchvision("classifier.1"),
        [3_504_872, 300_774_272], "MobileNetV2 of width 1 (Sandler et al. 2018)"),
];

/// Expansion, channels, blocks and stride of each stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Channels of the stem and of the last convolution.
const STEM: usize = 32;
const EMBEDDING: usize = 1280;

/// There is one network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MobileNetV2Config;

impl Family for MobileNetV2Config {
    type Backbone = MobileNetV2;

    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> MobileNetV2 {
        let place = |i: usize| scope.at("features").at(i);
        let stem = Conv2dConfig::new(channels, STEM, 3).stride(2);
        let mut features = vec![Feature::Unit(conv_and_norm(stem, &place(0)))];
        let mut inputs = STEM;
        for (expansion, outputs, blocks, stride) in STAGES {
            for k in 0..blocks {
                let stride = if k == 0 { stride } else { 1 };
                let scope = place(features.len());
                features.push(Feature::Block(Block::new(
                    inputs, expansion, outputs, stride, &scope,
                )));
                inputs = outputs;
            }
        }
        if extent == Extent::Whole {
            let last = Conv2dConfig::new(inputs, EMBEDDING, 1);
            features.push(Feature::Unit(conv_and_norm(last, &place(features.len()))));
        }
        MobileNetV2 { features }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let last = Linear::normal(inputs, classes, 0.01, &scope.at("classifier").at(1));
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
        let stage = |(place, channels, stride): (usize, usize, usize)| {
            Stage::linear(format!("features.{place}"), channels, stride)
        };
        [(3, 24, 4), (6, 32, 8), (13, 96, 16), (17, 320, 32)]
            .map(stage)
            .into()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("features.14", "features.18")
    }
}

/// MobileNetV2.
#[derive(Module, Debug)]
pub(crate) struct MobileNetV2 {
    features: Vec<Feature>,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all features are blocks")]
enum Feature {
    Unit(ConvNorm),
    Block(Block),
}

impl BackboneNetwork for MobileNetV2 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = images;
        for (i, feature) in self.features.iter().enumerate() {
            let path = format!("features.{i}");
            x = match feature {
                Feature::Unit((conv, norm)) => {
                    conv_norm_act(x, conv, norm, None, Activation::Relu6, &path, pass)
                }
                Feature::Block(block) => block.forward(x, &path, pass),
            };
        }
        x
    }
}

/// The inverted residual: a 1x1 convolution to more channels (none where the expansion is 1), a 3x3 one of
/// each channel by itself, and a 1x1 one back, without an activation at its end.
#[derive(Module, Debug)]
struct Block {
    conv: Vec<Part>,
    #[module(skip)]
    adds: bool,
}

/// torchvision wraps the convolutions that have an activation, and not the last one.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "most parts are units")]
enum Part {
    Unit(ConvNorm),
    Conv(Conv2d),
    Norm(BatchNorm),
}

impl Block {
    fn new(inputs: usize, expansion: usize, outputs: usize, stride: usize, scope: &Scope) -> Self {
        let wide = inputs * expansion;
        let expand = (expansion > 1).then(|| Conv2dConfig::new(inputs, wide, 1));
        let across = Conv2dConfig::new(wide, wide, 3).stride(stride).groups(wide);
        let place = |i: usize| scope.at("conv").at(i);
        let units = expand.into_iter().chain([across]).enumerate();
        let mut conv: Vec<Part> = units
            .map(|(i, config)| Part::Unit(conv_and_norm(config, &place(i))))
            .collect();
        let back = Conv2dConfig::new(wide, outputs, 1);
        conv.push(Part::Conv(Conv2d::he_normal_fan_out(back, &place(conv.len()))));
        conv.push(Part::Norm(BatchNorm::new(outputs, &place(conv.len()))));
        Self {
            conv,
            adds: stride == 1 && inputs == outputs,
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`, ending at the point `path`.
    fn forward<P: ForwardPass>(&self, x: P::Map, path: &str, pass: &mut P) -> P::Map {
        let shortcut = self.adds.then(|| x.clone());
        let mut x = x;
        let mut back = None;
        for part in &self.conv {
            match part {
                Part::Unit((conv, norm)) => x = conv_norm(x, conv, norm, Activation::Relu6, pass),
                Part::Conv(conv) => back = Some(conv),
                Part::Norm(norm) => {
                    if let Some(conv) = back.take() {
                        let none = Activation::Identity;
                        return conv_norm_act(x, conv, norm, shortcut, none, path, pass);
                    }
                }
            }
        }
        x
    }
}
