//! ENet (Paszke, Chaurasia, Kim and Culurciello 2016, table 1), with the names of iArunava's PyTorch program.
//!
//! | blocks | maps (512x512 input) | channels |
//! |---|---|---|
//! | `init` | 256x256 | 16 |
//! | `b10` (halves), `b11` … `b14` | 128x128 | 64 |
//! | `b20` (halves), `b21` … `b28`, `b31` … `b38` | 64x64 | 128 |
//! | `b40` (doubles), `b41`, `b42` | 128x128 | 64 |
//! | `b50` (doubles), `b51` | 256x256 | 16 |
//! | `fullconv` | 512x512 | classes |
//!
//! Every block is a bottleneck of a quarter of the channels beside a shortcut. What halves the map pools the shortcut and
//! remembers where the largest values were; what doubles it again puts them back there. The program applies one batch norm at two
//! places of a block, whose running statistics then fit neither: here it is two, `batchnorm1` and `batchnorm2`. The three
//! rectifiers of a block have one slope, which files store three times; those of an asymmetric block have one each. The program's
//! dropout is left out.
//!
//! Points: `init` and every block before and after its last activation, and `fullconv`, the logits.

mod bottleneck;
mod doubling;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Pass, Point,
    PointSide, Prelu, Scope, Window, conv_norm, max_pool,
};

use crate::{DenseLogits, LastStage, Outputs, Stage};
use bottleneck::{Bottleneck, BottleneckConfig};
use doubling::Doubling;

/// The widths of an ENet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnetConfig {
    /// Channels of `init`, 16 in the paper; the others are four and eight times as many.
    pub stem: usize,
}

/// The middle of a block: a 3x3 convolution of this dilation, or a 1x5 and a 5x1 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Middle {
    Dilated(usize),
    Asymmetric,
}

use Middle::{Asymmetric, Dilated};

/// The blocks of the second and third stage, which differ in nothing else.
const DEEP: [Middle; 8] = [
    Dilated(1),
    Dilated(2),
    Asymmetric,
    Dilated(4),
    Dilated(1),
    Dilated(8),
    Asymmetric,
    Dilated(16),
];

impl EnetConfig {
    /// Channels of the maps at a half, a quarter and an eighth of the image.
    fn widths(self) -> [usize; 3] {
        [self.stem, 4 * self.stem, 8 * self.stem]
    }

    /// Where the stages end, in the order of the network: at a quarter, twice at an eighth, at a quarter.
    pub fn stages(self) -> Vec<Stage> {
        let [_, quarter, eighth] = self.widths();
        vec![
            Stage::activated("b14", quarter, 4),
            Stage::activated("b28", eighth, 8),
            Stage::activated("b38", eighth, 8),
            Stage::activated("b42", quarter, 4),
        ]
    }

    /// The first map of the last stage at an eighth of the image, and the map that the classifier reads.
    pub fn last_stage() -> LastStage {
        LastStage {
            first_block: Point::post("b31"),
            last_map: Point::post("b51"),
        }
    }

    /// The first map of the network.
    pub fn stem() -> Point {
        Point::post("init")
    }

    /// Why it cannot be built for images of so many channels; none if it can.
    pub fn refuses_channels(self, channels: usize) -> Option<String> {
        (channels >= self.stem).then(|| {
            format!("{channels} image channels: its first map of {} channels holds those of the image and at least one more", self.stem)
        })
    }
}

/// ENet.
#[derive(Module, Debug)]
pub(crate) struct Enet {
    init: Initial,
    b10: Bottleneck,
    b11: Bottleneck,
    b12: Bottleneck,
    b13: Bottleneck,
    b14: Bottleneck,
    b20: Bottleneck,
    b21: Bottleneck,
    b22: Bottleneck,
    b23: Bottleneck,
    b24: Bottleneck,
    b25: Bottleneck,
    b26: Bottleneck,
    b27: Bottleneck,
    b28: Bottleneck,
    b31: Bottleneck,
    b32: Bottleneck,
    b33: Bottleneck,
    b34: Bottleneck,
    b35: Bottleneck,
    b36: Bottleneck,
    b37: Bottleneck,
    b38: Bottleneck,
    b40: Doubling,
    b41: Bottleneck,
    b42: Bottleneck,
    b50: Doubling,
    b51: Bottleneck,
    fullconv: ConvTranspose2d,
}

impl Enet {
    /// For images of `channels` channels, fewer than [`EnetConfig::stem`]. Weights are uniform as PyTorch's default.
    pub fn new(config: EnetConfig, [channels, classes]: [usize; 2], scope: &Scope) -> Self {
        let [half, quarter, eighth] = config.widths();
        let block = |path: &str, config| Bottleneck::new(config, &scope.at(path));
        let plain = |path, width, middle| block(path, BottleneckConfig::plain(width, middle));
        let fine = |path| plain(path, quarter, Dilated(1));
        let deep = |path: &'static str, place: usize| plain(path, eighth, DEEP[place - 1]);
        let rectified = |path, width| block(path, BottleneckConfig::plain(width, Dilated(1)).rectified());
        let doubling = |path: &str, inputs, outputs| Doubling::new([inputs, outputs], &scope.at(path));
        let last = ConvTranspose2dConfig::new(half, classes, 3)
            .stride(2)
            .padding(1, 1);
        Self {
            init: Initial::new([channels, half], &scope.at("init")),
            b10: block("b10", BottleneckConfig::halving(half, quarter)),
            b11: fine("b11"),
            b12: fine("b12"),
            b13: fine("b13"),
            b14: fine("b14"),
            b20: block("b20", BottleneckConfig::halving(quarter, eighth)),
            b21: deep("b21", 1),
            b22: deep("b22", 2),
            b23: deep("b23", 3),
            b24: deep("b24", 4),
            b25: deep("b25", 5),
            b26: deep("b26", 6),
            b27: deep("b27", 7),
            b28: deep("b28", 8),
            b31: deep("b31", 1),
            b32: deep("b32", 2),
            b33: deep("b33", 3),
            b34: deep("b34", 4),
            b35: deep("b35", 5),
            b36: deep("b36", 6),
            b37: deep("b37", 7),
            b38: deep("b38", 8),
            b40: doubling("b40", eighth, quarter),
            b41: rectified("b41", quarter),
            b42: rectified("b42", quarter),
            b50: doubling("b50", quarter, half),
            b51: rectified("b51", half),
            fullconv: ConvTranspose2d::uniform(last, 1.0, &scope.at("fullconv")),
        }
    }

    /// Why images of this height and width cannot pass; none if they can.
    pub fn refuses(size: [usize; 2]) -> Option<String> {
        let fits = size.iter().all(|side| side.is_multiple_of(8));
        (!fits).then(|| {
            "it halves the image three times and doubles it again: height and width must be multiples of 8".into()
        })
    }

    /// Outputs of normalised images `[N, H, W, C]` whose sides are multiples of 8.
    pub fn outputs(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let [_, height, width, _] = images.dims();
        Outputs::DenseLogits(DenseLogits {
            logits: self.forward(images, pass),
            auxiliary: None,
            size: [height, width],
        })
    }

    /// Logits `[N, H, W, K]`.
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let x = self.init.forward(images, pass);
        let (mut x, of_b10) = self.b10.halve(x, pass);
        for block in [&self.b11, &self.b12, &self.b13, &self.b14] {
            x = block.forward(x, pass);
        }
        let (mut x, of_b20) = self.b20.halve(x, pass);
        for block in self.deep() {
            x = block.forward(x, pass);
        }
        x = self.b40.forward(x, &of_b20, pass);
        for block in [&self.b41, &self.b42] {
            x = block.forward(x, pass);
        }
        x = self.b50.forward(x, &of_b10, pass);
        let logits = self.fullconv.forward(self.b51.forward(x, pass), pass);
        pass.show("fullconv", PointSide::Post, logits)
    }

    fn deep(&self) -> [&Bottleneck; 16] {
        [
            &self.b21, &self.b22, &self.b23, &self.b24, &self.b25, &self.b26, &self.b27, &self.b28,
            &self.b31, &self.b32, &self.b33, &self.b34, &self.b35, &self.b36, &self.b37, &self.b38,
        ]
    }
}

/// A convolution of stride 2 beside the image pooled, as one map.
#[derive(Module, Debug)]
struct Initial {
    conv: Conv2d,
    batchnorm: BatchNorm,
    prelu: Prelu,
}

impl Initial {
    fn new([channels, outputs]: [usize; 2], scope: &Scope) -> Self {
        let made = outputs - channels;
        let conv = Conv2dConfig::new(channels, made, 3).stride(2).with_bias();
        Self {
            conv: Conv2d::uniform(conv, 1.0, &scope.at("conv")),
            batchnorm: BatchNorm::new(made, &scope.at("batchnorm")),
            prelu: Prelu::new(outputs, &scope.at("prelu")),
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let made = conv_norm(
            images.clone(),
            &self.conv,
            &self.batchnorm,
            Activation::Identity,
            pass,
        );
        let x = Tensor::cat(vec![made, max_pool(images, Window::new(2))], 3);
        let x = pass.show("init", PointSide::Pre, x);
        pass.show("init", PointSide::Post, self.prelu.forward(x))
    }
}
