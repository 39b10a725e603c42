//! Wide residual networks for small images (Zagoruyko and Komodakis 2016, table 1), widening factor k, depth
//! `6n + 4`.
//!
//! | stage | maps (32x32 input) | blocks | channels |
//! |---|---|---|---|
//! | `conv1` | 32x32 | – | 16 |
//! | `block1` | 32x32 | n | 16k |
//! | `block2` | 16x16 | n | 32k |
//! | `block3` | 8x8 | n | 64k |
//! | `bn1`, `pool` | 1x1 | – | 64k |
//!
//! A block is batch norm, ReLU, convolution, twice, and the sum with its input: the batch norm comes first,
//! so a stage ends in a raw sum. Points: `conv1` and every block `block1.layer.0` (the raw sums), the batch
//! norm that opens it, `block1.layer.0.bn1`, before and after its ReLU, the last `bn1`, and `pool`.
//!
//! A stage end before the activation is what the distillation benchmark takes from a teacher: the sum behind
//! the next batch norm.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Linear, Point, PointSide, Scope, conv_norm,
    norm_act,
};

use super::{
    cifar_benchmark::{self, by_outputs},
    family::{Architecture, BackboneNetwork, Extent, Family},
};
use crate::{LastStage, ModelEntry, Names, Stage, StageEnd, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    entry("cifar_wrn_16_1", 16, 1, [180_916, 26_663_168], "WRN-16-1 for 32x32 images (Zagoruyko and Komodakis 2016)"),
    entry("cifar_wrn_16_2", 16, 2, [703_284, 101_118_464], "WRN-16-2 for 32x32 images (Zagoruyko and Komodakis 2016)"),
    entry("cifar_wrn_40_1", 40, 1, [569_780, 83_286_272], "WRN-40-1 for 32x32 images (Zagoruyko and Komodakis 2016)"),
    entry("cifar_wrn_40_2", 40, 2, [2_255_156, 327_610_880], "WRN-40-2 for 32x32 images (Zagoruyko and Komodakis 2016)"),
    entry("cifar_wrn_40_4", 40, 4, [8_972_340, 1_298_605_056], "WRN-40-4 for 32x32 images (Zagoruyko and Komodakis 2016)"),
    entry("cifar_wrn_28_10", 28, 10, [36_536_884, 5_243_386_368], "WRN-28-10 for 32x32 images (Zagoruyko and Komodakis 2016)"),
];

const fn entry(
    name: &'static str,
    depth: usize,
    widening: usize,
    costs: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let config = WideResNetConfig { depth, widening };
    cifar_benchmark::entry(name, Architecture::WideResNet(config), NAMES, costs, about)
}

const NAMES: Names = cifar_benchmark::names("fc")
    .published_as(&[("conv_shortcut", "convShortcut")])
    .also_known_as(&[("convShortcut", "conv_shortcut"), ("linear", "fc")]);

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WideResNetConfig {
    /// Layers: `6n + 4`.
    depth: usize,
    /// Factor of the channels.
    widening: usize,
}

impl WideResNetConfig {
    /// Blocks of a stage.
    fn blocks(&self) -> usize {
        (self.depth - 4) / 6
    }
}

impl Family for WideResNetConfig {
    type Backbone = WideResNet;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> WideResNet {
        let [narrow, middle, wide] = [16, 32, 64].map(|width| width * self.widening);
        let stage = |name, inputs, outputs, stride| Blocks {
            layer: (0..self.blocks())
                .map(|i| {
                    let (inputs, stride) = if i == 0 { (inputs, stride) } else { (outputs, 1) };
                    Block::new(inputs, outputs, stride, &scope.at(name).at("layer").at(i))
                })
                .collect(),
        };
        WideResNet {
            conv1: by_outputs(Conv2dConfig::new(channels, 16, 3), &scope.at("conv1")),
            block1: stage("block1", 16, narrow, 1),
            block2: stage("block2", narrow, middle, 2),
            block3: stage("block3", middle, wide, 2),
            bn1: BatchNorm::new(wide, &scope.at("bn1")),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let mut last = Linear::new(inputs, classes, &scope.at("fc"));
        last.bias = Some(scope.constant([classes], 0.0));
        ClassificationHead::new("fc", last)
    }

    fn embedding(&self) -> usize {
        64 * self.widening
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    fn stages(&self) -> Vec<Stage> {
        let last = self.blocks() - 1;
        let next = ["block2.layer.0.bn1", "block3.layer.0.bn1", "bn1"];
        let stage = |(i, next): (usize, &str)| Stage {
            end: StageEnd {
                post: Point::post(format!("block{}.layer.{last}", i + 1)),
                pre: Point::pre(next),
            },
            channels: (16 << i) * self.widening,
            stride: 1 << i,
        };
        next.into_iter().enumerate().map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("block3.layer.0", "bn1")
    }
}

/// A wide residual network.
#[derive(Module, Debug)]
pub(crate) struct WideResNet {
    conv1: Conv2d,
    block1: Blocks,
    block2: Blocks,
    block3: Blocks,
    /// Belongs to the last stage: the point before its ReLU is that stage's end before the activation.
    bn1: BatchNorm,
}

impl BackboneNetwork for WideResNet {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let stem = self.conv1.forward(images, pass);
        let mut x = pass.show("conv1", PointSide::Post, stem);
        for block in [&self.block1, &self.block2, &self.block3]
            .into_iter()
            .flat_map(|stage| &stage.layer)
        {
            x = block.forward(x, pass);
        }
        norm_act(x, &self.bn1, Activation::Relu, "bn1", pass)
    }
}

/// The blocks of a stage, where the published networks have them.
#[derive(Module, Debug)]
struct Blocks {
    layer: Vec<Block>,
}

/// Two 3x3 convolutions, each behind its batch norm and ReLU, and a shortcut.
#[derive(Module, Debug)]
struct Block {
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    #[module(skip)]
    path: String,
    #[module(skip)]
    norm_path: String,
}

impl Block {
    fn new(inputs: usize, outputs: usize, stride: usize, scope: &Scope) -> Self {
        let conv = |name, inputs, kernel, stride| {
            let config = Conv2dConfig::new(inputs, outputs, kernel).stride(stride);
            by_outputs(config, &scope.at(name))
        };
        Self {
            bn1: BatchNorm::new(inputs, &scope.at("bn1")),
            conv1: conv("conv1", inputs, 3, stride),
            bn2: BatchNorm::new(outputs, &scope.at("bn2")),
            conv2: conv("conv2", outputs, 3, 1),
            conv_shortcut: (inputs != outputs).then(|| conv("conv_shortcut", inputs, 1, stride)),
            path: scope.path().into(),
            norm_path: scope.at("bn1").path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`. A shortcut with a convolution starts behind the
    /// first ReLU, one without before the batch norm.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let activated = norm_act(x.clone(), &self.bn1, Activation::Relu, &self.norm_path, pass);
        let inner = conv_norm(activated.clone(), &self.conv1, &self.bn2, Activation::Relu, pass);
        let inner = self.conv2.forward(inner, pass);
        let shortcut = match &self.conv_shortcut {
            Some(conv) => conv.forward(activated, pass),
            None => x,
        };
        let sum = pass.add(inner, shortcut);
        pass.show(&self.path, PointSide::Post, sum)
    }
}
