//! ShuffleNetV2 for large images (Ma et al. 2018, table 5), as torchvision has it.
//!
//! | stage | maps (224x224 input) | blocks | channels at 0.5x | 1x | 1.5x | 2x |
//! |---|---|---|---|---|---|---|
//! | `conv1` | 112x112 | – | 24 | 24 | 24 | 24 |
//! | `maxpool` | 56x56 | – | 24 | 24 | 24 | 24 |
//! | `stage2` | 28x28 | 4 | 48 | 116 | 176 | 244 |
//! | `stage3` | 14x14 | 8 | 96 | 232 | 352 | 488 |
//! | `stage4` | 7x7 | 4 | 192 | 464 | 704 | 976 |
//! | `conv5` | 7x7 | – | 1024 | 1024 | 1024 | 2048 |
//! | `pool` | 1x1 | – | 1024 | 1024 | 1024 | 2048 |
//!
//! Points: `conv1` and `conv5` before and after their ReLU, `maxpool`, every block (`stage2.0`, after its
//! shuffle), and `pool`.

use burn::module::Module;
use potstill_ops::{
    Activation, Conv2d, Conv2dConfig, ForwardPass, Linear, PointSide, Scope, Window, conv_norm, conv_norm_act,
};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    sequence::{Sequence, sequence, sequence_with, units},
};
use crate::{LastStage, ModelEntry, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    entry("shufflenet_v2_x0_5", [48, 96, 192, 1024], [1_366_792, 40_476_448], "ShuffleNetV2 of width 0.5 (Ma et al. 2018)"),
    entry("shufflenet_v2_x1_0", [116, 232, 464, 1024], [2_278_604, 144_907_992], "ShuffleNetV2 of width 1 (Ma et al. 2018)"),
    entry("shufflenet_v2_x1_5", [176, 352, 704, 1024], [3_503_624, 295_759_392], "ShuffleNetV2 of width 1.5 (Ma et al. 2018)"),
    entry("shufflenet_v2_x2_0", [244, 488, 976, 2048], [7_393_996, 583_253_464], "ShuffleNetV2 of width 2 (Ma et al. 2018)"),
];

const fn entry(name: &'static str, widths: [usize; 4], counts: [u64; 2], about: &'static str) -> ModelEntry {
    let architecture = Architecture::ShuffleNetV2(ShuffleNetV2Config { widths });
    imagenet::entry(name, architecture, imagenet::torchvision("fc"), counts, about)
}

/// Blocks of each stage.
const BLOCKS: [usize; 3] = [4, 8, 4];
/// Channels of the stem.
const STEM: usize = 24;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShuffleNetV2Config {
    /// Channels of the three stages and of the last convolution.
    widths: [usize; 4],
}

impl Family for ShuffleNetV2Config {
    type Backbone = ShuffleNetV2;

    /// Convolutions as PyTorch's default.
    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> ShuffleNetV2 {
        let [.., deepest, embedding] = self.widths;
        let stage = |i: usize| {
            let scope = scope.at(format!("stage{}", i + 2));
            let inputs = if i == 0 { STEM } else { self.widths[i - 1] };
            let block = |k| {
                Block::new(
                    if k == 0 { Some(inputs) } else { None },
                    self.widths[i],
                    &scope.at(k),
                )
            };
            (0..BLOCKS[i]).map(block).collect()
        };
        let stem = Conv2dConfig::new(channels, STEM, 3).stride(2);
        let last = (extent == Extent::Whole).then(|| Conv2dConfig::new(deepest, embedding, 1));
        ShuffleNetV2 {
            conv1: sequence([stem], initial, &scope.at("conv1")),
            stage2: stage(0),
            stage3: stage(1),
            stage4: stage(2),
            conv5: sequence(last, initial, &scope.at("conv5")),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        ClassificationHead::new("fc", Linear::new(inputs, classes, &scope.at("fc")))
    }

    fn embedding(&self) -> usize {
        self.widths[3]
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    /// The stem's pooled map, and the three stages.
    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, blocks): (usize, usize)| {
            Stage::linear(format!("stage{}.{}", i + 2, blocks - 1), self.widths[i], 8 << i)
        };
        let stages = BLOCKS.into_iter().enumerate().map(stage);
        std::iter::once(Stage::linear("maxpool", STEM, 4))
            .chain(stages)
            .collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("stage4.0", "conv5")
    }
}

fn initial(config: Conv2dConfig, scope: &Scope) -> Conv2d {
    Conv2d::uniform(config, 1.0, scope)
}

/// ShuffleNetV2.
#[derive(Module, Debug)]
pub(crate) struct ShuffleNetV2 {
    conv1: Sequence,
    stage2: Vec<Block>,
    stage3: Vec<Block>,
    stage4: Vec<Block>,
    /// Behind the last stage; empty if it is left out.
    conv5: Sequence,
}

impl BackboneNetwork for ShuffleNetV2 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = images;
        for (conv, norm) in units(&self.conv1) {
            x = conv_norm_act(x, conv, norm, None, Activation::Relu, "conv1", pass);
        }
        x = pass.max_pool(x, Window::new(3).stride(2).padding(1));
        x = pass.show("maxpool", PointSide::Post, x);
        for block in [&self.stage2, &self.stage3, &self.stage4].into_iter().flatten() {
            x = block.forward(x, pass);
        }
        for (conv, norm) in units(&self.conv5) {
            x = conv_norm_act(x, conv, norm, None, Activation::Relu, "conv5", pass);
        }
        x
    }
}

/// Two paths whose channels are joined and shuffled. The second is 1x1, 3x3 (each channel by itself), 1x1.
/// Where the map is halved the first is 3x3, 1x1 on the same input; elsewhere each path takes half of the
/// channels, and the first lets them pass.
#[derive(Module, Debug)]
struct Block {
    branch1: Sequence,
    branch2: Sequence,
    #[module(skip)]
    path: String,
}

impl Block {
    /// A block to `outputs` channels, which halves a map of `halved` channels, or keeps its size.
    fn new(halved: Option<usize>, outputs: usize, scope: &Scope) -> Self {
        let half = outputs / 2;
        let stride = if halved.is_some() { 2 } else { 1 };
        let across = |channels| {
            Conv2dConfig::new(channels, channels, 3)
                .stride(stride)
                .groups(channels)
        };
        let mixing = |inputs| Conv2dConfig::new(inputs, half, 1);
        let first = halved.map(|inputs| [(across(inputs), false), (mixing(inputs), true)]);
        let second = [
            (mixing(halved.unwrap_or(half)), true),
            (across(half), false),
            (mixing(half), true),
        ];
        Self {
            branch1: sequence_with(first.into_iter().flatten(), initial, &scope.at("branch1")),
            branch2: sequence_with(second, initial, &scope.at("branch2")),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let (left, right) = if self.branch1.is_empty() {
            let half = pass.channels(&x) / 2;
            (pass.narrow(x.clone(), 3, 0, half), pass.narrow(x, 3, half, half))
        } else {
            (x.clone(), x)
        };
        let left = through(&self.branch1, left, pass);
        let right = through(&self.branch2, right, pass);
        let joined = pass.concat(vec![left, right], 3);
        let shuffled = pass.shuffle(joined, 2);
        pass.show(&self.path, PointSide::Post, shuffled)
    }
}

/// A path: no activation behind a convolution of each channel by itself, ReLU behind the others.
fn through<P: ForwardPass>(branch: &Sequence, x: P::Map, pass: &mut P) -> P::Map {
    units(branch).fold(x, |x, (conv, norm)| {
        let activation = match conv.config().groups {
            1 => Activation::Relu,
            _ => Activation::Identity,
        };
        conv_norm(x, conv, norm, activation, pass)
    })
}
