//! ShuffleNetV2 for small images (Ma et al. 2018, table 5), as the CIFAR-100 distillation benchmark has it.
//!
//! | stage | maps (32x32 input) | blocks | channels at 1x |
//! |---|---|---|---|
//! | `conv1`, `bn1` (1x1) | 32x32 | – | 24 |
//! | `layer1` | 16x16 | 4 | 116 |
//! | `layer2` | 8x8 | 8 | 232 |
//! | `layer3` | 4x4 | 4 | 464 |
//! | `conv2`, `bn2` | 4x4 | – | 1024 |
//! | `pool` | 1x1 | – | 1024 |
//!
//! Points: `conv1` and `conv2` before and after their ReLU; every block `layer1.0` after its shuffle, and,
//! but for the first of a stage, before its last ReLU (and so before the shuffle); `pool`.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Linear, PointSide, Scope, conv_norm,
    conv_norm_act,
};

use super::{
    cifar_benchmark,
    family::{Architecture, BackboneNetwork, Extent, Family},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    cifar_benchmark::entry("cifar_shufflenetv2", Architecture::CifarShuffleNetV2(CifarShuffleNetV2Config { widths: [116, 232, 464, 1024] }),
        cifar_benchmark::names("linear").also_known_as(&[("fc", "linear")]), [1_355_528, 44_504_448], "ShuffleNetV2 1x for 32x32 images (Ma et al. 2018; Tian et al. 2020)"),
];

/// Blocks of each stage, the halving one included.
const BLOCKS: [usize; 3] = [4, 8, 4];
const STEM: usize = 24;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CifarShuffleNetV2Config {
    /// Channels of the three stages and of the last convolution.
    widths: [usize; 4],
}

impl Family for CifarShuffleNetV2Config {
    type Backbone = CifarShuffleNetV2;

    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> CifarShuffleNetV2 {
        let [.., deepest, embedding] = self.widths;
        let is_whole = extent == Extent::Whole;
        let stage = |name, stage: usize| {
            let outputs = self.widths[stage];
            let inputs = if stage == 0 { STEM } else { self.widths[stage - 1] };
            let block = |i| {
                let scope = scope.at(name).at(i);
                if i == 0 {
                    Block::Down(DownBlock::new(inputs, outputs, &scope))
                } else {
                    Block::Basic(BasicBlock::new(outputs, &scope))
                }
            };
            (0..BLOCKS[stage]).map(block).collect()
        };
        let conv = |name, inputs, outputs| {
            Conv2d::uniform(Conv2dConfig::new(inputs, outputs, 1), 1.0, &scope.at(name))
        };
        CifarShuffleNetV2 {
            conv1: conv("conv1", channels, STEM),
            bn1: BatchNorm::new(STEM, &scope.at("bn1")),
            layer1: stage("layer1", 0),
            layer2: stage("layer2", 1),
            layer3: stage("layer3", 2),
            conv2: is_whole.then(|| conv("conv2", deepest, embedding)),
            bn2: is_whole.then(|| BatchNorm::new(embedding, &scope.at("bn2"))),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        ClassificationHead::new("linear", Linear::new(inputs, classes, &scope.at("linear")))
    }

    fn embedding(&self) -> usize {
        self.widths[3]
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, blocks): (usize, usize)| {
            Stage::activated(format!("layer{i}.{}", blocks - 1), self.widths[i - 1], 1 << i)
        };
        (1..).zip(BLOCKS).map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("layer3.0", "conv2")
    }
}

/// ShuffleNetV2 for small images.
#[derive(Module, Debug)]
pub(crate) struct CifarShuffleNetV2 {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    /// Behind the last stage.
    conv2: Option<Conv2d>,
    bn2: Option<BatchNorm>,
}

impl BackboneNetwork for CifarShuffleNetV2 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        let mut x = conv_norm_act(images, &self.conv1, &self.bn1, None, relu, "conv1", pass);
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = match block {
                Block::Down(block) => block.forward(x, pass),
                Block::Basic(block) => block.forward(x, pass),
            };
        }
        match (&self.conv2, &self.bn2) {
            (Some(conv), Some(norm)) => conv_norm_act(x, conv, norm, None, relu, "conv2", pass),
            _ => x,
        }
    }
}

#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are three of the large ones and sixteen in all"
)]
enum Block {
    Down(DownBlock),
    Basic(BasicBlock),
}

/// A 1x1, 3x3 (each channel by itself), 1x1 path, and one more without the first: both halve the maps, their
/// channels are joined and shuffled.
#[derive(Module, Debug)]
struct DownBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    conv4: Conv2d,
    bn4: BatchNorm,
    conv5: Conv2d,
    bn5: BatchNorm,
    #[module(skip)]
    path: String,
}

impl DownBlock {
    fn new(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let half = outputs / 2;
        let conv = |name, config| Conv2d::uniform(config, 1.0, &scope.at(name));
        let pointwise = |inputs| Conv2dConfig::new(inputs, half, 1);
        let halving = |channels| {
            Conv2dConfig::new(channels, channels, 3)
                .stride(2)
                .groups(channels)
        };
        let norm = |name, channels| BatchNorm::new(channels, &scope.at(name));
        Self {
            conv1: conv("conv1", halving(inputs)),
            bn1: norm("bn1", inputs),
            conv2: conv("conv2", pointwise(inputs)),
            bn2: norm("bn2", half),
            conv3: conv("conv3", pointwise(inputs)),
            bn3: norm("bn3", half),
            conv4: conv("conv4", halving(half)),
            bn4: norm("bn4", half),
            conv5: conv("conv5", pointwise(half)),
            bn5: norm("bn5", half),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / 2, W / 2, O]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let (relu, none) = (Activation::Relu, Activation::Identity);
        let left = conv_norm(x.clone(), &self.conv1, &self.bn1, none, pass);
        let left = conv_norm(left, &self.conv2, &self.bn2, relu, pass);
        let right = conv_norm(x, &self.conv3, &self.bn3, relu, pass);
        let right = conv_norm(right, &self.conv4, &self.bn4, none, pass);
        let right = conv_norm(right, &self.conv5, &self.bn5, relu, pass);
        let joined = pass.concat(vec![left, right], 3);
        let shuffled = pass.shuffle(joined, 2);
        pass.show(&self.path, PointSide::Post, shuffled)
    }
}

/// Half of the channels pass by, the others go through 1x1, 3x3 (each channel by itself), 1x1; then both are
/// shuffled.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    #[module(skip)]
    path: String,
}

impl BasicBlock {
    fn new(channels: usize, scope: &Scope) -> Self {
        let half = channels / 2;
        let conv = |name, config| Conv2d::uniform(config, 1.0, &scope.at(name));
        let norm = |name| BatchNorm::new(half, &scope.at(name));
        let pointwise = Conv2dConfig::new(half, half, 1);
        Self {
            conv1: conv("conv1", pointwise),
            bn1: norm("bn1"),
            conv2: conv("conv2", Conv2dConfig::new(half, half, 3).groups(half)),
            bn2: norm("bn2"),
            conv3: conv("conv3", pointwise),
            bn3: norm("bn3"),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, C]` to a map of the same size.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let (relu, none) = (Activation::Relu, Activation::Identity);
        let half = self.conv1.config().inputs;
        let passing = pass.narrow(x.clone(), 3, 0, half);
        let inner = pass.narrow(x, 3, half, half);
        let inner = conv_norm(inner, &self.conv1, &self.bn1, relu, pass);
        let inner = conv_norm(inner, &self.conv2, &self.bn2, none, pass);
        let joined = if pass.wants(&self.path, PointSide::Pre) {
            let before = conv_norm(inner, &self.conv3, &self.bn3, none, pass);
            let before = pass.concat(vec![passing, before], 3);
            let before = pass.show(&self.path, PointSide::Pre, before);
            let after = pass.narrow(before.clone(), 3, half, half);
            let after = pass.activate(after, relu);
            vec![pass.narrow(before, 3, 0, half), after]
        } else {
            vec![passing, conv_norm(inner, &self.conv3, &self.bn3, relu, pass)]
        };
        let joined = pass.concat(joined, 3);
        let shuffled = pass.shuffle(joined, 2);
        pass.show(&self.path, PointSide::Post, shuffled)
    }
}
