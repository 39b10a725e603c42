//! ConvNeXt (Liu et al. 2022, section 2), as timm has it.
//!
//! | stage | maps (224x224 input) | blocks: tiny | small, base | channels: tiny, small | base |
//! |---|---|---|---|---|---|
//! | `stem` | 56x56 | – | – | 96 | 128 |
//! | `stages.0` | 56x56 | 3 | 3 | 96 | 128 |
//! | `stages.1` | 28x28 | 3 | 3 | 192 | 256 |
//! | `stages.2` | 14x14 | 9 | 27 | 384 | 512 |
//! | `stages.3` | 7x7 | 3 | 3 | 768 | 1024 |
//! | `pool` | 1x1 | – | – | 768 | 1024 |
//!
//! Stochastic depth is left out. Points: `stem`, every block (`stages.0.blocks.0`, which ends without an
//! activation), and `pool`, the normalised embedding.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use potstill_ops::{Conv2d, Conv2dConfig, ForwardPass, LayerNorm, Linear, Mlp, PointSide, Scope};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
};
use crate::{
    LastStage, ModelEntry, Stage,
    heads::{ClassificationHead, Pooling},
};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    entry("convnext_tiny", 96, 9, [28_589_128, 4_455_531_264], "ConvNeXt-T (Liu et al. 2022)"),
    entry("convnext_small", 96, 27, [50_223_688, 8_683_712_256], "ConvNeXt-S (Liu et al. 2022)"),
    entry("convnext_base", 128, 27, [88_591_464, 15_354_729_472], "ConvNeXt-B (Liu et al. 2022)"),
];

const fn entry(
    name: &'static str,
    width: usize,
    third: usize,
    counts: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let blocks = [3, 3, third, 3];
    let architecture = Architecture::ConvNeXt(ConvNeXtConfig { width, blocks });
    imagenet::entry(name, architecture, imagenet::timm("head.fc"), counts, about)
}

/// The epsilon of every layer norm.
const EPSILON: f64 = 1e-6;
/// The standard deviation of all initial weights.
const DEVIATION: f64 = 0.02;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvNeXtConfig {
    /// Channels of the first stage; each of the next has twice as many.
    width: usize,
    /// Blocks of each stage.
    blocks: [usize; 4],
}

impl Family for ConvNeXtConfig {
    type Backbone = ConvNeXt;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> ConvNeXt {
        let stage = |i: usize| {
            let (scope, width) = (scope.at("stages").at(i), self.width << i);
            let halving = || {
                let scope = scope.at("downsample");
                (
                    LayerNorm::new(width / 2, EPSILON, &scope.at(0)),
                    patches(width / 2, width, 2, &scope.at(1)),
                )
            };
            let block = |k| Block::new(width, &scope.at("blocks").at(k));
            Blocks {
                downsample: (i > 0).then(halving),
                blocks: (0..self.blocks[i]).map(block).collect(),
            }
        };
        ConvNeXt {
            stem: (
                patches(channels, self.width, 4, &scope.at("stem").at(0)),
                LayerNorm::new(self.width, EPSILON, &scope.at("stem").at(1)),
            ),
            stages: (0..4).map(stage).collect(),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let scope = scope.at("head");
        let norm = LayerNorm::new(inputs, EPSILON, &scope.at("norm"));
        let last = Linear::normal(inputs, classes, DEVIATION, &scope.at("fc"));
        ClassificationHead::new("head.fc", last).with_norm("head.norm", norm, Pooling::Mean)
    }

    fn embedding(&self) -> usize {
        self.width << 3
    }

    fn stem(&self) -> &'static str {
        "stem"
    }

    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, blocks): (usize, usize)| {
            Stage::linear(
                format!("stages.{i}.blocks.{}", blocks - 1),
                self.width << i,
                4 << i,
            )
        };
        self.blocks.into_iter().enumerate().map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between(
            "stages.3.blocks.0",
            format!("stages.3.blocks.{}", self.blocks[3] - 1),
        )
    }

    fn refuses(&self, [height, width]: [usize; 2]) -> Option<String> {
        (height < 32 || width < 32)
            .then(|| "its maps shrink to a thirty-second and would vanish: take at least 32x32".into())
    }
}

/// A convolution of patches that do not overlap.
fn patches(inputs: usize, outputs: usize, size: usize, scope: &Scope) -> Conv2d {
    let config = Conv2dConfig::new(inputs, outputs, size)
        .stride(size)
        .without_padding();
    Conv2d::normal(config.with_bias(), DEVIATION, scope)
}

/// A ConvNeXt.
#[derive(Module, Debug)]
pub(crate) struct ConvNeXt {
    stem: (Conv2d, LayerNorm),
    stages: Vec<Blocks>,
}

#[derive(Module, Debug)]
struct Blocks {
    downsample: Option<(LayerNorm, Conv2d)>,
    blocks: Vec<Block>,
}

impl BackboneNetwork for ConvNeXt {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let (conv, norm) = &self.stem;
        let x = conv.forward(images, pass);
        let x = pass.layer_norm(x, norm);
        let mut x = pass.show("stem", PointSide::Post, x);
        for stage in &self.stages {
            if let Some((norm, conv)) = &stage.downsample {
                x = pass.layer_norm(x, norm);
                x = conv.forward(x, pass);
            }
            for block in &stage.blocks {
                x = block.forward(x, pass);
            }
        }
        x
    }
}

/// A 7x7 convolution of each channel by itself, layer norm, and two layers on each position, scaled channel
/// by channel.
#[derive(Module, Debug)]
struct Block {
    /// `[C]`.
    gamma: Param<Tensor<1>>,
    conv_dw: Conv2d,
    norm: LayerNorm,
    mlp: Mlp,
    #[module(skip)]
    path: String,
}

impl Block {
    fn new(width: usize, scope: &Scope) -> Self {
        let across = Conv2dConfig::new(width, width, 7).groups(width).with_bias();
        Self {
            gamma: scope.constant([width], 1e-6),
            conv_dw: Conv2d::normal(across, DEVIATION, &scope.at("conv_dw")),
            norm: LayerNorm::new(width, EPSILON, &scope.at("norm")),
            mlp: Mlp::new(width, 4 * width, &scope.at("mlp")),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, C]` to `[N, H, W, C]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let inner = self.conv_dw.forward(x.clone(), pass);
        let inner = pass.layer_norm(inner, &self.norm);
        let inner = self.mlp.forward(inner, pass);
        let inner = pass.scale(inner, &self.gamma);
        let sum = pass.add(x, inner);
        pass.show(&self.path, PointSide::Post, sum)
    }
}
