//! MobileNetV2 for small images (Sandler et al. 2018, table 2), as the CIFAR-100 distillation benchmark has
//! it.
//!
//! | stage | maps (32x32 input) | blocks | channels | at width 0.5 | expansion |
//! |---|---|---|---|---|---|
//! | `conv1` | 16x16 | – | 32 | 16 | – |
//! | `blocks.0` | 16x16 | 1 | 16 | 8 | 1 |
//! | `blocks.1` | 16x16 | 2 | 24 | 12 | 6 |
//! | `blocks.2` | 8x8 | 3 | 32 | 16 | 6 |
//! | `blocks.3` | 4x4 | 4 | 64 | 32 | 6 |
//! | `blocks.4` | 4x4 | 3 | 96 | 48 | 6 |
//! | `blocks.5` | 2x2 | 3 | 160 | 80 | 6 |
//! | `blocks.6` | 2x2 | 1 | 320 | 160 | 6 |
//! | `conv2` | 2x2 | – | 1280 | 1280 | – |
//! | `pool` | 1x1 | – | 1280 | 1280 | – |
//!
//! It differs from the network for large images in three places: ReLU in the place of ReLU6, the second stage
//! keeps the maps' size, and the first block has its expansion too, by 1. Points: `conv1` and `conv2` before
//! and after their ReLU, every block (`blocks.0.0`, which ends without an activation), and `pool`.

use burn::module::Module;
use potstill_ops::{Activation, Conv2dConfig, ForwardPass, Linear, Scope, conv_norm, conv_norm_act};

use super::{
    cifar_benchmark::{self, by_outputs},
    family::{Architecture, BackboneNetwork, Extent, Family},
    sequence::{Sequence, sequence, units},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    cifar_benchmark::entry("cifar_mobilenetv2_x0_5", Architecture::CifarMobileNetV2(CifarMobileNetV2Config { halves: 1 }),
        cifar_benchmark::names("classifier.0"), [812_836, 6_523_648], "MobileNetV2 of width 0.5 for 32x32 images (Sandler et al. 2018; Tian et al. 2020)"),
];

/// Expansion, channels at width 1, blocks and stride of each stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Channels of the last convolution, at widths up to 1.
const EMBEDDING: usize = 1280;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CifarMobileNetV2Config {
    /// Twice the width.
    halves: usize,
}

impl Family for CifarMobileNetV2Config {
    type Backbone = CifarMobileNetV2;

    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> CifarMobileNetV2 {
        let stem = 32 * self.halves / 2;
        let mut inputs = stem;
        let mut stage = |(i, (expansion, outputs, blocks, stride)): (usize, (usize, usize, usize, usize))| {
            let outputs = outputs * self.halves / 2;
            let block = |k| {
                let stride = if k == 0 { stride } else { 1 };
                let from = std::mem::replace(&mut inputs, outputs);
                Block::new(from, expansion, outputs, stride, &scope.at("blocks").at(i).at(k))
            };
            (0..blocks).map(block).collect::<Vec<_>>()
        };
        let blocks = STAGES.into_iter().enumerate().map(&mut stage).collect();
        let last = (extent == Extent::Whole).then(|| Conv2dConfig::new(inputs, EMBEDDING, 1));
        let units = |configs: Option<Conv2dConfig>, name| sequence(configs, by_outputs, &scope.at(name));
        CifarMobileNetV2 {
            conv1: units(Some(Conv2dConfig::new(channels, stem, 3).stride(2)), "conv1"),
            blocks,
            conv2: units(last, "conv2"),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let last = Linear::normal(inputs, classes, 0.01, &scope.at("classifier").at(0));
        ClassificationHead::new("classifier.0", last)
    }

    fn embedding(&self) -> usize {
        EMBEDDING
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    /// The last of each map size, as the benchmark reads them.
    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, stride): (usize, usize)| {
            let (_, channels, blocks, _) = STAGES[i];
            let path = format!("blocks.{i}.{}", blocks - 1);
            Stage::linear(path, channels * self.halves / 2, stride)
        };
        [(1, 2), (2, 4), (4, 8), (6, 16)].map(stage).into()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("blocks.5.0", "conv2")
    }
}

/// MobileNetV2 for small images.
#[derive(Module, Debug)]
pub(crate) struct CifarMobileNetV2 {
    conv1: Sequence,
    blocks: Vec<Vec<Block>>,
    /// Behind the last stage; empty if it is left out.
    conv2: Sequence,
}

impl BackboneNetwork for CifarMobileNetV2 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = images;
        for (conv, norm) in units(&self.conv1) {
            x = conv_norm_act(x, conv, norm, None, Activation::Relu, "conv1", pass);
        }
        for block in self.blocks.iter().flatten() {
            x = block.forward(x, pass);
        }
        for (conv, norm) in units(&self.conv2) {
            x = conv_norm_act(x, conv, norm, None, Activation::Relu, "conv2", pass);
        }
        x
    }
}

/// The inverted residual: a 1x1 convolution to more channels, a 3x3 one of each channel by itself, and a 1x1
/// one back, without an activation at its end.
#[derive(Module, Debug)]
struct Block {
    conv: Sequence,
    #[module(skip)]
    adds: bool,
    #[module(skip)]
    path: String,
}

impl Block {
    fn new(inputs: usize, expansion: usize, outputs: usize, stride: usize, scope: &Scope) -> Self {
        let wide = inputs * expansion;
        let convolutions = [
            Conv2dConfig::new(inputs, wide, 1),
            Conv2dConfig::new(wide, wide, 3).stride(stride).groups(wide),
            Conv2dConfig::new(wide, outputs, 1),
        ];
        Self {
            conv: sequence(convolutions, by_outputs, &scope.at("conv")),
            adds: stride == 1 && inputs == outputs,
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let shortcut = self.adds.then(|| x.clone());
        let mut x = x;
        let mut units = units(&self.conv).peekable();
        while let Some((conv, norm)) = units.next() {
            if units.peek().is_some() {
                x = conv_norm(x, conv, norm, Activation::Relu, pass);
            } else {
                let (path, none) = (&self.path, Activation::Identity);
                return conv_norm_act(x, conv, norm, shortcut, none, path, pass);
            }
        }
        x
    }
}
