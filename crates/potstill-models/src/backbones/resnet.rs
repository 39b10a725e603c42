//! Residual networks of four stages (He et al. 2015, table 1) with the stem for large images or for small
//! ones.
//!
//! | stage | maps (224x224 input) | maps (32x32 input, small stem) | channels of basic blocks | of bottlenecks |
//! |---|---|---|---|---|
//! | `conv1`, `bn1` | 112x112 | 32x32 | 64 | 64 |
//! | `layer1` | 56x56 | 32x32 | 64 | 256 |
//! | `layer2` | 28x28 | 16x16 | 128 | 512 |
//! | `layer3` | 14x14 | 8x8 | 256 | 1024 |
//! | `layer4` | 7x7 | 4x4 | 512 | 2048 |
//! | `pool` | 1x1 | 1x1 | 512 | 2048 |
//!
//! The large stem is a 7x7 convolution of stride 2 and the largest of 3x3 at stride 2, the small one a 3x3
//! convolution. Points: `conv1` and every block `layer1.0` before and after the last ReLU, and `pool`.
//!
//! Segmenters have the last two stages dilated instead of strided (Chen et al. 2017): their maps stay those of `layer2`, and the
//! first block of a stage has the dilation of the stage before. In a basic block only the first convolution is dilated, as
//! MMSegmentation has it. PSPNet has a stem of three 3x3 convolutions, `stem`, the first of stride 2.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Linear, Scope, Window, conv_norm, conv_norm_act,
};

use super::{
    cifar_benchmark,
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    sequence::{Sequence, sequence, units},
};
use crate::{LastStage, ModelEntry, Names, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    cifar_benchmark::entry("cifar_resnet50", Architecture::ResNet(CIFAR_RESNET50), CIFAR_NAMES, [23_705_252, 1_298_014_208],
        "ResNet-50 with a stem for 32x32 images (He et al. 2015; Tian et al. 2020)"),
    large("resnet18", basic([2, 2, 2, 2]), [11_689_512, 1_814_073_344], "ResNet-18 (He et al. 2015)"),
    large("resnet34", basic([3, 4, 6, 3]), [21_797_672, 3_663_761_408], "ResNet-34 (He et al. 2015)"),
    large("resnet50", bottleneck([3, 4, 6, 3], 1, 64), [25_557_032, 4_089_184_256], "ResNet-50 (He et al. 2015), stride in the 3x3 convolution"),
    large("resnet101", bottleneck([3, 4, 23, 3], 1, 64), [44_549_160, 7_801_405_440], "ResNet-101 (He et al. 2015), stride in the 3x3 convolution"),
    large("resnet152", bottleneck([3, 8, 36, 3], 1, 64), [60_192_808, 11_513_626_624], "ResNet-152 (He et al. 2015), stride in the 3x3 convolution"),
    large("wide_resnet50_2", bottleneck([3, 4, 6, 3], 1, 128), [68_883_240, 11_398_021_120], "ResNet-50 with bottlenecks of twice the width (Zagoruyko and Komodakis 2016)"),
    large("wide_resnet101_2", bottleneck([3, 4, 23, 3], 1, 128), [126_886_696, 22_753_050_624], "ResNet-101 with bottlenecks of twice the width (Zagoruyko and Komodakis 2016)"),
    large("resnext50_32x4d", bottleneck([3, 4, 6, 3], 32, 4), [25_028_904, 4_230_479_872], "ResNeXt-50 of 32 groups of 4 channels (Xie et al. 2017)"),
    large("resnext101_32x8d", bottleneck([3, 4, 23, 3], 32, 8), [88_791_336, 16_414_015_488], "ResNeXt-101 of 32 groups of 8 channels (Xie et al. 2017)"),
];

/// A network with the stem for large images.
const fn large(
    name: &'static str,
    config: ResNetConfig,
    counts: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let names = imagenet::torchvision("fc");
    imagenet::entry(name, Architecture::ResNet(config), names, counts, about)
}

impl ResNetConfig {
    /// ResNet-18, 34, 50 or 101, with the stem for large images; any other depth is 101.
    pub const fn of_depth(depth: usize) -> Self {
        match depth {
            18 => basic([2, 2, 2, 2]),
            34 => basic([3, 4, 6, 3]),
            50 => bottleneck([3, 4, 6, 3], 1, 64),
            _ => bottleneck([3, 4, 23, 3], 1, 64),
        }
    }
}

const fn basic(blocks: [usize; 4]) -> ResNetConfig {
    ResNetConfig {
        stem: Stem::Large,
        kind: Kind::Basic,
        blocks,
        groups: 1,
        group_width: 64,
        dilated: false,
    }
}

const fn bottleneck(blocks: [usize; 4], groups: usize, group_width: usize) -> ResNetConfig {
    ResNetConfig {
        stem: Stem::Large,
        kind: Kind::Bottleneck,
        blocks,
        groups,
        group_width,
        dilated: false,
    }
}

const CIFAR_RESNET50: ResNetConfig = ResNetConfig {
    stem: Stem::Small,
    kind: Kind::Bottleneck,
    blocks: [3, 4, 6, 3],
    groups: 1,
    group_width: 64,
    dilated: false,
};

const CIFAR_NAMES: Names = cifar_benchmark::names("fc")
    .published_as(&[("downsample", "shortcut"), ("fc", "linear")])
    .also_known_as(&[("shortcut", "downsample"), ("linear", "fc")]);

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResNetConfig {
    pub stem: Stem,
    pub kind: Kind,
    /// Blocks of each stage.
    pub blocks: [usize; 4],
    /// Groups of the 3x3 convolutions of bottlenecks.
    pub groups: usize,
    /// Channels of each group in the first stage; 64 is the plain network.
    pub group_width: usize,
    /// Whether the last two stages are dilated and keep the size of the map.
    pub dilated: bool,
}

/// The layers before the first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stem {
    Small,
    Large,
    /// Three 3x3 convolutions, and the largest of 3x3 at stride 2.
    Deep,
}

/// The kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3 (which has the stride), and 1x1 to four times the channels.
    Bottleneck,
}

impl ResNetConfig {
    /// How many times more channels than its width a block gives.
    fn growth(&self) -> usize {
        match self.kind {
            Kind::Basic => 1,
            Kind::Bottleneck => 4,
        }
    }

    /// With the last two stages dilated instead of strided.
    pub const fn with_dilation(self) -> Self {
        Self {
            dilated: true,
            ..self
        }
    }

    /// With the stem of three 3x3 convolutions.
    pub const fn with_three_convolutions(self) -> Self {
        Self {
            stem: Stem::Deep,
            ..self
        }
    }

    /// Stride and dilation of a block.
    fn steps(&self, stage: usize, block: usize) -> [usize; 2] {
        let is_dilated = self.dilated && stage > 1;
        let stride = if block == 0 && stage > 0 && !is_dilated {
            2
        } else {
            1
        };
        let dilation = match (is_dilated, block) {
            (false, _) => 1,
            (true, 0) => 1 << (stage - 2),
            (true, _) => 1 << (stage - 1),
        };
        [stride, dilation]
    }
}

impl Family for ResNetConfig {
    type Backbone = ResNet;

    /// Convolutions are initialised as in He et al. 2015 by their outputs (normal, variance `2 / fan_out`).
    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> ResNet {
        let growth = self.growth();
        let stage = |name, stage: usize| {
            let width = 64 << stage;
            let inputs = if stage == 0 { 64 } else { width / 2 * growth };
            let block = |i| {
                let inputs = if i == 0 { inputs } else { width * growth };
                Block::new(self, [inputs, width], self.steps(stage, i), &scope.at(name).at(i))
            };
            (0..self.blocks[stage]).map(block).collect()
        };
        let plain = match self.stem {
            Stem::Small => Some(Conv2dConfig::new(channels, 64, 3)),
            Stem::Large => Some(Conv2dConfig::new(channels, 64, 7).stride(2)),
            Stem::Deep => None,
        };
        let deep = [
            Conv2dConfig::new(channels, 32, 3).stride(2),
            Conv2dConfig::new(32, 32, 3),
            Conv2dConfig::new(32, 64, 3),
        ];
        ResNet {
            conv1: plain.map(|config| Conv2d::he_normal_fan_out(config, &scope.at("conv1"))),
            bn1: plain.map(|_| BatchNorm::new(64, &scope.at("bn1"))),
            stem: (self.stem == Stem::Deep)
                .then(|| sequence(deep, Conv2d::he_normal_fan_out, &scope.at("stem"))),
            layer1: stage("layer1", 0),
            layer2: stage("layer2", 1),
            layer3: stage("layer3", 2),
            layer4: stage("layer4", 3),
            pools: self.stem != Stem::Small,
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        ClassificationHead::new("fc", Linear::new(inputs, classes, &scope.at("fc")))
    }

    fn embedding(&self) -> usize {
        512 * self.growth()
    }

    fn stem(&self) -> &'static str {
        match self.stem {
            Stem::Small | Stem::Large => "conv1",
            Stem::Deep => DEEP_STEM_END,
        }
    }

    fn stages(&self) -> Vec<Stage> {
        let first = match self.stem {
            Stem::Small => 1,
            Stem::Large | Stem::Deep => 4,
        };
        let stage = |(i, blocks): (usize, usize)| {
            let path = format!("layer{}.{}", i + 1, blocks - 1);
            let halvings = if self.dilated { i.min(1) } else { i };
            Stage::activated(path, (64 << i) * self.growth(), first << halvings)
        };
        self.blocks.into_iter().enumerate().map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("layer4.0", format!("layer4.{}", self.blocks[3] - 1))
    }

    fn dilated(self) -> Self {
        self.with_dilation()
    }

    fn with_deep_stem(self) -> Self {
        self.with_three_convolutions()
    }
}

/// The last ReLU of a deep stem.
const DEEP_STEM_END: &str = "stem.8";

/// A residual network of four stages.
#[derive(Module, Debug)]
pub(crate) struct ResNet {
    conv1: Option<Conv2d>,
    bn1: Option<BatchNorm>,
    stem: Option<Sequence>,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    #[module(skip)]
    pools: bool,
}

impl ResNet {
    /// The first map of the network, after its activation.
    fn first<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        if let (Some(conv), Some(norm)) = (&self.conv1, &self.bn1) {
            return conv_norm_act(images, conv, norm, None, relu, "conv1", pass);
        }
        let units: Vec<_> = self.stem.iter().flat_map(units).collect();
        let mut x = images;
        for (i, (conv, norm)) in units.iter().enumerate() {
            x = if i + 1 == units.len() {
                conv_norm_act(x, conv, norm, None, relu, DEEP_STEM_END, pass)
            } else {
                conv_norm(x, conv, norm, relu, pass)
            };
        }
        x
    }
}

impl BackboneNetwork for ResNet {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = self.first(images, pass);
        if self.pools {
            x = pass.max_pool(x, Window::new(3).stride(2).padding(1));
        }
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for block in stages.into_iter().flatten() {
            x = block.forward(x, pass);
        }
        x
    }
}

/// A block of either kind; the third convolution is a bottleneck's.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    downsample: Option<(Conv2d, BatchNorm)>,
    #[module(skip)]
    path: String,
}

impl Block {
    fn new(
        config: &ResNetConfig,
        [inputs, width]: [usize; 2],
        [stride, dilation]: [usize; 2],
        scope: &Scope,
    ) -> Self {
        let conv = |name, config| Conv2d::he_normal_fan_out(config, &scope.at(name));
        let norm = |name, channels| BatchNorm::new(channels, &scope.at(name));
        let (first, second, third) = match config.kind {
            Kind::Basic => (
                Conv2dConfig::new(inputs, width, 3)
                    .stride(stride)
                    .dilation(dilation),
                Conv2dConfig::new(width, width, 3),
                None,
            ),
            Kind::Bottleneck => {
                let inner = width * config.group_width / 64 * config.groups;
                let across = Conv2dConfig::new(inner, inner, 3).dilation(dilation);
                (
                    Conv2dConfig::new(inputs, inner, 1),
                    across.stride(stride).groups(config.groups),
                    Some(Conv2dConfig::new(inner, 4 * width, 1)),
                )
            }
        };
        let outputs = third.map_or(width, |third| third.outputs);
        let changes = stride != 1 || inputs != outputs;
        let shortcut = Conv2dConfig::new(inputs, outputs, 1).stride(stride);
        Self {
            conv1: conv("conv1", first),
            bn1: norm("bn1", first.outputs),
            conv2: conv("conv2", second),
            bn2: norm("bn2", second.outputs),
            conv3: third.map(|third| conv("conv3", third)),
            bn3: third.map(|third| norm("bn3", third.outputs)),
            downsample: changes.then(|| (conv("downsample.0", shortcut), norm("downsample.1", outputs))),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`, ending at the point of the block's path.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let (relu, none) = (Activation::Relu, Activation::Identity);
        let mut inner = conv_norm(x.clone(), &self.conv1, &self.bn1, relu, pass);
        let mut last = (&self.conv2, &self.bn2);
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            inner = conv_norm(inner, &self.conv2, &self.bn2, relu, pass);
            last = (conv3, bn3);
        }
        let shortcut = match &self.downsample {
            Some((conv, norm)) => conv_norm(x, conv, norm, none, pass),
            None => x,
        };
        let (conv, norm) = last;
        conv_norm_act(inner, conv, norm, Some(shortcut), relu, &self.path, pass)
    }
}
