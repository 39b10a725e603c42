//! FastestDet: a detector with one map of cells, as its author has it (github.com/dog-qiuqiu/FastestDet, 2022).
//!
//! | stage | maps (352x352 input) | units | channels at width 1 |
//! |---|---|---|---|
//! | `backbone.first_conv` | 176x176 | – | 24 |
//! | `backbone.maxpool` | 88x88 | – | 24 |
//! | `backbone.stage2` | 44x44 | 4 | 48 |
//! | `backbone.stage3` | 22x22 | 8 | 96 |
//! | `backbone.stage4` | 11x11 | 4 | 192 |
//! | `SPP` | 22x22 | – | 96 |
//! | `detect_head` | 22x22 | – | 1 + 4 + K |
//!
//! The stages are those of ShuffleNetV2 (Ma et al. 2018) with halves of even and odd channels. Points: the rows of the table, of which the first and
//! `SPP` have two sides, and `detect_head.obj_layers`, `detect_head.reg_layers` and `detect_head.cls_layers`.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, Border, Conv2d, Conv2dConfig, Pass, PointSide, Scope, Window, act, avg_pool, channel_shuffle,
    conv_norm, conv_norm_act, max_pool, resize_nearest,
};

use crate::{
    CellMaps, Stage, StageEnd,
    backbones::{Sequence, sequence, sequence_with, units},
    named::{Named, module_of_parts},
};

/// Units of each stage.
const UNITS: [usize; 3] = [4, 8, 4];
const STAGES: [&str; 3] = ["stage2", "stage3", "stage4"];
/// Channels of the stem and of the neck, and of the first stage; each stage has twice the channels of the one before.
const STEM: usize = 24;
const NECK: usize = 96;
const FIRST_STAGE: usize = 48;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FastestDetConfig {
    /// By how much all channels are divided.
    pub divisor: usize,
}

impl FastestDetConfig {
    fn widths(self) -> [usize; 3] {
        [1, 2, 4].map(|factor| FIRST_STAGE * factor / self.divisor)
    }

    fn neck(self) -> usize {
        NECK / self.divisor
    }

    /// What methods read: the stages, and the neck.
    pub fn stages(self) -> Vec<Stage> {
        let stages = STAGES.into_iter().zip(self.widths()).enumerate();
        let stage = |(i, (name, channels)): (usize, (&str, usize))| {
            Stage::linear(format!("backbone.{name}"), channels, 8 << i)
        };
        let neck = Stage::activated("SPP", self.neck(), 16);
        stages.map(stage).chain([neck]).collect()
    }

    /// Where the stem ends.
    pub fn stem() -> StageEnd {
        StageEnd::activated("backbone.first_conv")
    }
}

/// FastestDet.
#[derive(Debug, Clone)]
pub(crate) struct FastestDet {
    backbone: Named<Backbone>,
    neck: Named<Neck>,
    head: Named<DetectHead>,
}

module_of_parts!(FastestDet { backbone, neck, head } with {});

impl FastestDet {
    /// For images of `channels` channels and so many classes. Convolutions as PyTorch's default.
    pub fn new(config: FastestDetConfig, [channels, classes]: [usize; 2], scope: &Scope) -> Self {
        let [first, second, third] = config.widths();
        Self {
            backbone: Named::new("backbone", Backbone::new(config, channels, &scope.at("backbone"))),
            neck: Named::new(
                "SPP",
                Neck::new([first + second + third, config.neck()], &scope.at("SPP")),
            ),
            head: Named::new(
                "detect_head",
                DetectHead::new(config.neck(), classes, &scope.at("detect_head")),
            ),
        }
    }

    /// The cells of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> CellMaps {
        let maps = pass.within("backbone", |pass| self.backbone.get().forward(images, pass));
        let map = self.neck.get().forward(maps, pass);
        pass.within("detect_head", |pass| self.head.get().forward(map, pass))
    }
}

fn initial(config: Conv2dConfig, scope: &Scope) -> Conv2d {
    Conv2d::uniform(config, 1.0, scope)
}

/// A convolution of each channel by itself.
fn depthwise(channels: usize, kernel: usize) -> Conv2dConfig {
    Conv2dConfig::new(channels, channels, kernel).groups(channels)
}

/// The stem and three stages.
#[derive(Module, Debug)]
struct Backbone {
    first_conv: Sequence,
    stage2: Vec<Unit>,
    stage3: Vec<Unit>,
    stage4: Vec<Unit>,
}

impl Backbone {
    fn new(config: FastestDetConfig, channels: usize, scope: &Scope) -> Self {
        let stem = STEM / config.divisor;
        let widths = config.widths();
        let stage = |i: usize| {
            let inputs = if i == 0 { stem } else { widths[i - 1] };
            let scope = scope.at(STAGES[i]);
            let unit = |k| Unit::new((k == 0).then_some(inputs), widths[i], &scope.at(k));
            (0..UNITS[i]).map(unit).collect()
        };
        let first = Conv2dConfig::new(channels, stem, 3).stride(2);
        Self {
            first_conv: sequence([first], initial, &scope.at("first_conv")),
            stage2: stage(0),
            stage3: stage(1),
            stage4: stage(2),
        }
    }

    /// The last maps of the stages.
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> [Tensor<4>; 3] {
        let mut x = images;
        for (conv, norm) in units(&self.first_conv) {
            x = conv_norm_act(x, conv, norm, None, Activation::Relu, "first_conv", pass);
        }
        x = max_pool(x, Window::new(3).stride(2).padding(1));
        x = pass.show("maxpool", PointSide::Post, x);
        let mut stage = |units: &[Unit], name: &str| {
            let map = units.iter().fold(x.clone(), |x, unit| unit.forward(x, pass));
            x = pass.show(name, PointSide::Post, map);
            x.clone()
        };
        [
            stage(&self.stage2, STAGES[0]),
            stage(&self.stage3, STAGES[1]),
            stage(&self.stage4, STAGES[2]),
        ]
    }
}

/// The first unit of a stage halves the map by two paths on the whole of it; in the others even channels pass, and odd ones go through
/// the main path.
#[derive(Module, Debug)]
struct Unit {
    branch_main: Sequence,
    branch_proj: Sequence,
}

impl Unit {
    /// A unit to `outputs` channels, which halves a map of `halved` channels, or keeps its size.
    fn new(halved: Option<usize>, outputs: usize, scope: &Scope) -> Self {
        let half = outputs / 2;
        let stride = if halved.is_some() { 2 } else { 1 };
        let across = |channels| (depthwise(channels, 3).stride(stride), false);
        let mixing = |inputs, outputs| (Conv2dConfig::new(inputs, outputs, 1), true);
        let inputs = halved.unwrap_or(half);
        // The main path gives what the projection leaves.
        let main = [mixing(inputs, half), across(half), mixing(half, outputs - inputs)];
        let projection = halved.map(|inputs| [across(inputs), mixing(inputs, inputs)]);
        Self {
            branch_main: sequence_with(main, initial, &scope.at("branch_main")),
            branch_proj: sequence_with(
                projection.into_iter().flatten(),
                initial,
                &scope.at("branch_proj"),
            ),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`.
    fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let channels = x.dims()[3];
        let (kept, main) = if self.branch_proj.is_empty() {
            let half = channels / 2;
            let sorted = channel_shuffle(x, half);
            (sorted.clone().narrow(3, 0, half), sorted.narrow(3, half, half))
        } else {
            (through(&self.branch_proj, x.clone(), pass), x)
        };
        let main = through(&self.branch_main, main, pass);
        Tensor::cat(vec![kept, main], 3)
    }
}

/// A path: no activation behind a convolution of each channel by itself, ReLU behind the others.
fn through(branch: &Sequence, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
    units(branch).fold(x, |x, (conv, norm)| {
        let activation = match conv.config().groups {
            1 => Activation::Relu,
            _ => Activation::Identity,
        };
        conv_norm(x, conv, norm, activation, pass)
    })
}

/// A convolution in a sequence of its own, as its author wraps it.
#[derive(Module, Debug)]
struct Conv1x1 {
    conv1x1: Sequence,
}

impl Conv1x1 {
    fn new(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let shape = Conv2dConfig::new(inputs, outputs, 1);
        Self {
            conv1x1: sequence([shape], initial, &scope.at("conv1x1")),
        }
    }

    fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        activated(&self.conv1x1, x, pass)
    }
}

/// A sequence with ReLU behind every layer.
fn activated(sequence: &Sequence, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
    units(sequence).fold(x, |x, (conv, norm)| {
        conv_norm(x, conv, norm, Activation::Relu, pass)
    })
}

/// The maps of all stages at the size of the middle one, then one to three depthwise convolutions side by side.
#[derive(Debug, Clone)]
struct Neck {
    join: Named<Conv1x1>,
    once: Named<Sequence>,
    twice: Named<Sequence>,
    thrice: Named<Sequence>,
    output: Named<Sequence>,
}

module_of_parts!(Neck { join, once, twice, thrice, output } with {});

impl Neck {
    fn new([inputs, outputs]: [usize; 2], scope: &Scope) -> Self {
        let path = |name: &str, times: usize| {
            let layers = vec![depthwise(outputs, 5); times];
            Named::new(name, sequence(layers, initial, &scope.at(name)))
        };
        let last = [(Conv2dConfig::new(3 * outputs, outputs, 1), false)];
        Self {
            join: Named::new("Conv1x1", Conv1x1::new(inputs, outputs, &scope.at("Conv1x1"))),
            once: path("S1", 1),
            twice: path("S2", 2),
            thrice: path("S3", 3),
            output: Named::new("output", sequence_with(last, initial, &scope.at("output"))),
        }
    }

    fn forward(&self, [fine, middle, coarse]: [Tensor<4>; 3], pass: &mut Pass<'_>) -> Tensor<4> {
        let [_, height, width, _] = middle.dims();
        let fine = avg_pool(fine, Window::new(3).stride(2).padding(1), Border::Counted);
        let coarse = resize_nearest(coarse, [height, width]);
        let joined = Tensor::cat(vec![fine, middle, coarse], 3);
        let x = self.join.get().forward(joined, pass);
        let paths = [&self.once, &self.twice, &self.thrice];
        let paths = paths.map(|path| activated(path.get(), x.clone(), pass));
        let mut y = Tensor::cat(paths.into(), 3);
        for (conv, norm) in units(self.output.get()) {
            y = conv_norm(y, conv, norm, Activation::Identity, pass);
        }
        act(x + y, Activation::Relu, "SPP", pass)
    }
}

/// Objectness, box and class of every cell.
#[derive(Module, Debug)]
struct DetectHead {
    conv1x1: Conv1x1,
    obj_layers: Layers,
    reg_layers: Layers,
    cls_layers: Layers,
}

/// A depthwise convolution, and one to the outputs.
#[derive(Module, Debug)]
struct Layers {
    conv5x5: Sequence,
}

impl Layers {
    fn new(channels: usize, outputs: usize, scope: &Scope) -> Self {
        let layers = [
            (depthwise(channels, 5), true),
            (Conv2dConfig::new(channels, outputs, 1), false),
        ];
        Self {
            conv5x5: sequence_with(layers, initial, &scope.at("conv5x5")),
        }
    }

    fn forward(&self, x: Tensor<4>, path: &str, pass: &mut Pass<'_>) -> Tensor<4> {
        let last = units(&self.conv5x5).count() - 1;
        let map = units(&self.conv5x5).enumerate().fold(x, |x, (i, (conv, norm))| {
            let activation = if i == last {
                Activation::Identity
            } else {
                Activation::Relu
            };
            conv_norm(x, conv, norm, activation, pass)
        });
        pass.show(path, PointSide::Post, map)
    }
}

impl DetectHead {
    fn new(channels: usize, classes: usize, scope: &Scope) -> Self {
        let layers = |name, outputs| Layers::new(channels, outputs, &scope.at(name));
        Self {
            conv1x1: Conv1x1::new(channels, channels, &scope.at("conv1x1")),
            obj_layers: layers("obj_layers", 1),
            reg_layers: layers("reg_layers", 4),
            cls_layers: layers("cls_layers", classes),
        }
    }

    fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> CellMaps {
        let x = self.conv1x1.forward(map, pass);
        CellMaps {
            objectness: self.obj_layers.forward(x.clone(), "obj_layers", pass),
            codes: self.reg_layers.forward(x.clone(), "reg_layers", pass),
            logits: self.cls_layers.forward(x, "cls_layers", pass),
        }
    }
}
