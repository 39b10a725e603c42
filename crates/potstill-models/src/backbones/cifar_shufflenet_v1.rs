//! ShuffleNet for small images (Zhang et al. 2018, table 1), three groups, as the CIFAR-100 distillation
//! benchmark has it.
//!
//! | stage | maps (32x32 input) | blocks | channels |
//! |---|---|---|---|
//! | `conv1`, `bn1` (1x1) | 32x32 | – | 24 |
//! | `layer1` | 16x16 | 4 | 240 |
//! | `layer2` | 8x8 | 8 | 480 |
//! | `layer3` | 4x4 | 4 | 960 |
//! | `pool` | 1x1 | – | 960 |
//!
//! The first block of a stage halves the maps and stands beside an average pooling of its input, whose
//! channels it is joined with. Points: `conv1` and every block `layer1.0` before and after the last ReLU, and
//! `pool`.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Border, Conv2d, Conv2dConfig, ForwardPass, Linear, Scope, Window, act, conv_norm,
    conv_norm_act,
};

use super::{
    cifar_benchmark,
    family::{Architecture, BackboneNetwork, Extent, Family},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    cifar_benchmark::entry("cifar_shufflenetv1", Architecture::CifarShuffleNetV1(CifarShuffleNetV1Config { groups: 3 }),
        cifar_benchmark::names("linear").also_known_as(&[("fc", "linear")]), [949_258, 38_691_456], "ShuffleNet of 3 groups for 32x32 images (Zhang et al. 2018; Tian et al. 2020)"),
];

/// Channels and blocks of each stage.
const STAGES: [(usize, usize); 3] = [(240, 4), (480, 8), (960, 4)];
const STEM: usize = 24;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CifarShuffleNetV1Config {
    /// Groups of the 1x1 convolutions.
    groups: usize,
}

impl Family for CifarShuffleNetV1Config {
    type Backbone = CifarShuffleNetV1;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> CifarShuffleNetV1 {
        let stage = |name, stage: usize| {
            let (outputs, blocks) = STAGES[stage];
            let inputs = if stage == 0 { STEM } else { STAGES[stage - 1].0 };
            let block = |i| {
                let scope = scope.at(name).at(i);
                if i == 0 {
                    // What the pooled input brings along need not be made.
                    Block::new(inputs, outputs - inputs, self.groups, true, &scope)
                } else {
                    Block::new(outputs, outputs, self.groups, false, &scope)
                }
            };
            (0..blocks).map(block).collect()
        };
        let config = Conv2dConfig::new(channels, STEM, 1);
        CifarShuffleNetV1 {
            conv1: Conv2d::uniform(config, 1.0, &scope.at("conv1")),
            bn1: BatchNorm::new(STEM, &scope.at("bn1")),
            layer1: stage("layer1", 0),
            layer2: stage("layer2", 1),
            layer3: stage("layer3", 2),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        ClassificationHead::new("linear", Linear::new(inputs, classes, &scope.at("linear")))
    }

    fn embedding(&self) -> usize {
        STAGES[2].0
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, (channels, blocks)): (usize, (usize, usize))| {
            Stage::activated(format!("layer{i}.{}", blocks - 1), channels, 1 << i)
        };
        (1..).zip(STAGES).map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("layer3.0", format!("layer3.{}", STAGES[2].1 - 1))
    }
}

/// ShuffleNet for small images.
#[derive(Module, Debug)]
pub(crate) struct CifarShuffleNetV1 {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
}

impl BackboneNetwork for CifarShuffleNetV1 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        let mut x = conv_norm_act(images, &self.conv1, &self.bn1, None, relu, "conv1", pass);
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = block.forward(x, pass);
        }
        x
    }
}

/// Two 1x1 convolutions in groups, with a shuffle and a 3x3 convolution of each channel by itself between
/// them.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    #[module(skip)]
    halves: bool,
    #[module(skip)]
    path: String,
}

impl Block {
    fn new(inputs: usize, outputs: usize, groups: usize, halves: bool, scope: &Scope) -> Self {
        let middle = outputs / 4;
        let stride = if halves { 2 } else { 1 };
        // The few channels of the stem are not grouped.
        let first_groups = if inputs == STEM { 1 } else { groups };
        let conv = |name, config| Conv2d::uniform(config, 1.0, &scope.at(name));
        let across = Conv2dConfig::new(middle, middle, 3);
        Self {
            conv1: conv("conv1", Conv2dConfig::new(inputs, middle, 1).groups(first_groups)),
            bn1: BatchNorm::new(middle, &scope.at("bn1")),
            conv2: conv("conv2", across.stride(stride).groups(middle)),
            bn2: BatchNorm::new(middle, &scope.at("bn2")),
            conv3: conv("conv3", Conv2dConfig::new(middle, outputs, 1).groups(groups)),
            bn3: BatchNorm::new(outputs, &scope.at("bn3")),
            halves,
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, C]` to a map of the same size, or to `[N, H / 2, W / 2, O + C]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        let inner = conv_norm(x.clone(), &self.conv1, &self.bn1, relu, pass);
        let inner = match self.conv1.config().groups {
            1 => inner,
            groups => pass.shuffle(inner, groups),
        };
        let inner = conv_norm(inner, &self.conv2, &self.bn2, relu, pass);
        if !self.halves {
            return conv_norm_act(inner, &self.conv3, &self.bn3, Some(x), relu, &self.path, pass);
        }
        let inner = conv_norm(inner, &self.conv3, &self.bn3, Activation::Identity, pass);
        let pooled = pass.avg_pool(x, Window::new(3).stride(2).padding(1), Border::Counted);
        let joined = pass.concat(vec![inner, pooled], 3);
        act(joined, relu, &self.path, pass)
    }
}
