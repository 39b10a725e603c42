//! SSDLite on MobileNetV3-Large with a thin tail (Howard et al. 2019, section 6.3), as torchvision's `ssdlite320_mobilenet_v3_large` has it.
//!
//! | map | size (320x320 input) | channels |
//! |---|---|---|
//! | `backbone.features.0` | 20x20 | 672 |
//! | `backbone.features.1` | 10x10 | 480 |
//! | `backbone.extra.0` | 5x5 | 512 |
//! | `backbone.extra.1` | 3x3 | 256 |
//! | `backbone.extra.2` | 2x2 | 256 |
//! | `backbone.extra.3` | 1x1 | 128 |
//!
//! The first map is inside a block: behind its convolution to more channels. Each map is a point.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, NormRule, Pass, PointSide, Scope, conv_norm,
};

use crate::{
    BoxMaps, Stage, StageEnd,
    backbones::{ConvNorm, Feature, Part, thin_mobilenet_v3},
    named::{Named, module_of_parts},
};

/// Channels of the maps behind the backbone.
const EXTRA: [usize; 4] = [512, 256, 256, 128];
/// Channels of the backbone's two maps.
const CHANNELS: [usize; 2] = [672, 480];
/// The block that is cut in two.
const CUT: usize = 13;
/// Default boxes of a place.
const BOXES: usize = 6;
/// The deviation of initial weights behind the backbone.
const DEVIATION: f64 = 0.03;
/// Momentum and epsilon of all batch norms.
const MOMENTUM: f64 = 0.03;
const EPSILON: f64 = 1e-3;

/// Where the stem ends.
pub(crate) fn stem() -> StageEnd {
    StageEnd::activated("backbone.features.0.0")
}

/// The maps with their channels and strides, fine to coarse.
pub(crate) fn stages() -> Vec<Stage> {
    let paths = (0..2).map(|i| format!("backbone.features.{i}"));
    let paths = paths.chain((0..4).map(|i| format!("backbone.extra.{i}")));
    let channels = CHANNELS.into_iter().chain(EXTRA);
    let stage = |(i, (path, channels)): (usize, (String, usize))| Stage::linear(path, channels, 16 << i);
    paths.zip(channels).enumerate().map(stage).collect()
}

/// SSDLite.
#[derive(Debug, Clone)]
pub(crate) struct SsdLite {
    backbone: Named<Backbone>,
    head: Named<Heads>,
}

module_of_parts!(SsdLite { backbone, head } with {});

impl SsdLite {
    /// For images of `channels` channels and so many classes, the background not counted.
    pub fn new([channels, classes]: [usize; 2], scope: &Scope) -> Self {
        let norms = scope.norm_rule().or(MOMENTUM, EPSILON);
        // Frozen batch norms are those of the MobileNet alone.
        let scope = scope.with_norms(NormRule::default().or(MOMENTUM, EPSILON));
        let backbone = Backbone::new(channels, norms, &scope.at("backbone"));
        Self {
            backbone: Named::new("backbone", backbone),
            head: Named::new("head", Heads::new(classes + 1, &scope.at("head"))),
        }
    }

    /// The default boxes of normalised images `[N, H, W, C]`, map by map.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Vec<BoxMaps> {
        let maps = pass.within("backbone", |pass| self.backbone.get().forward(images, pass));
        pass.within("head", |pass| self.head.get().forward(&maps, pass))
    }
}

/// MobileNetV3 cut in two, and four blocks that halve its map.
#[derive(Debug, Clone)]
struct Backbone {
    begin: Named<Vec<Feature>>,
    end: Named<Vec<Tail>>,
    extra: Named<Vec<[ConvNorm; 3]>>,
}

module_of_parts!(Backbone { begin, end, extra } with {});

/// What stands behind the cut.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are whole")]
enum Tail {
    /// The rest of the block; nothing stands where its beginning was.
    Rest(Vec<Option<Part>>),
    Whole(Feature),
}

impl Backbone {
    /// The batch norms of the MobileNet are made by these `norms`.
    fn new(channels: usize, norms: NormRule, scope: &Scope) -> Self {
        let mut begin = thin_mobilenet_v3(channels, &scope.with_norms(norms)).into_features();
        let mut end = begin.split_off(CUT);
        let cut = end.remove(0);
        let mut tail: Vec<Tail> = end.into_iter().map(Tail::Whole).collect();
        if let Feature::Block(block) = cut
            && let Some((expansion, rest)) = block.split()
        {
            begin.push(Feature::Unit(expansion));
            tail.insert(0, Tail::Rest(rest));
        }
        let mut inputs = CHANNELS[1];
        let extra = EXTRA.into_iter().enumerate().map(|(i, outputs)| {
            let block = extra_block(inputs, outputs, &scope.at("extra").at(i));
            inputs = outputs;
            block
        });
        Self {
            begin: Named::new("features.0", begin),
            extra: Named::new("extra", extra.collect()),
            end: Named::new("features.1", tail),
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let mut x = images;
        for (i, feature) in self.begin.get().iter().enumerate() {
            x = feature.forward(x, &format!("features.0.{i}"), pass);
        }
        let mut maps = vec![pass.show("features.0", PointSide::Post, x)];
        let mut x = maps[0].clone();
        for (i, tail) in self.end.get().iter().enumerate() {
            let path = format!("features.1.{i}");
            x = match tail {
                Tail::Rest(parts) => rest_of_block(parts, x, &path, pass),
                Tail::Whole(feature) => feature.forward(x, &path, pass),
            };
        }
        maps.push(pass.show("features.1", PointSide::Post, x));
        for (i, block) in self.extra.get().iter().enumerate() {
            let x = maps[maps.len() - 1].clone();
            let map = block.iter().fold(x, |x, (conv, norm)| {
                conv_norm(x, conv, norm, Activation::Relu6, pass)
            });
            maps.push(pass.show(&format!("extra.{i}"), PointSide::Post, map));
        }
        maps
    }
}

/// All layers of a block but the first.
fn rest_of_block(parts: &[Option<Part>], x: Tensor<4>, path: &str, pass: &mut Pass<'_>) -> Tensor<4> {
    let parts: Vec<&Part> = parts.iter().flatten().collect();
    let last = parts.len().saturating_sub(1);
    let map = parts.into_iter().enumerate().fold(x, |x, (i, part)| {
        let activation = if i == last {
            Activation::Identity
        } else {
            Activation::HardSwish
        };
        part.forward(x, activation, pass)
    });
    pass.show(path, PointSide::Post, map)
}

/// A convolution to half of the channels, one of each channel by itself that halves the map, and one to all channels.
fn extra_block(inputs: usize, outputs: usize, scope: &Scope) -> [ConvNorm; 3] {
    let inner = outputs / 2;
    let across = Conv2dConfig::new(inner, inner, 3).stride(2).groups(inner);
    let unit = |i: usize, shape| conv_and_norm(shape, &scope.at(i));
    [
        unit(0, Conv2dConfig::new(inputs, inner, 1)),
        unit(1, across),
        unit(2, Conv2dConfig::new(inner, outputs, 1)),
    ]
}

fn conv_and_norm(shape: Conv2dConfig, scope: &Scope) -> ConvNorm {
    let conv = Conv2d::normal(shape, DEVIATION, &scope.at(0));
    (conv, BatchNorm::new(shape.outputs, &scope.at(1)))
}

/// Class logits and boxes: at each map heads of its own.
#[derive(Module, Debug)]
struct Heads {
    classification_head: Head,
    regression_head: Head,
}

#[derive(Module, Debug)]
struct Head {
    module_list: Vec<(ConvNorm, Conv2d)>,
    #[module(skip)]
    columns: usize,
}

impl Heads {
    fn new(columns: usize, scope: &Scope) -> Self {
        Self {
            classification_head: Head::new(columns, &scope.at("classification_head")),
            regression_head: Head::new(4, &scope.at("regression_head")),
        }
    }

    fn forward(&self, maps: &[Tensor<4>], pass: &mut Pass<'_>) -> Vec<BoxMaps> {
        let (classes, boxes) = (&self.classification_head, &self.regression_head);
        let logits = pass.within("classification_head", |pass| classes.forward(maps, pass));
        let codes = pass.within("regression_head", |pass| boxes.forward(maps, pass));
        let all = maps.iter().zip(logits).zip(codes);
        all.map(|((map, logits), codes)| {
            let [_, height, width, _] = map.dims();
            BoxMaps {
                size: [height, width],
                logits,
                codes,
            }
        })
        .collect()
    }
}

impl Head {
    fn new(columns: usize, scope: &Scope) -> Self {
        let scope = scope.at("module_list");
        let at_map = |(i, channels): (usize, usize)| {
            let scope = scope.at(i);
            let across = Conv2dConfig::new(channels, channels, 3).groups(channels);
            let last = Conv2dConfig::new(channels, BOXES * columns, 1).with_bias();
            (
                conv_and_norm(across, &scope.at(0)),
                Conv2d::normal(last, DEVIATION, &scope.at(1)),
            )
        };
        let channels = CHANNELS.into_iter().chain(EXTRA);
        Self {
            module_list: channels.enumerate().map(at_map).collect(),
            columns,
        }
    }

    /// The numbers of every box of each map `[N, h, w, C]`: `[N, h * w * 6, columns]`.
    fn forward(&self, maps: &[Tensor<4>], pass: &mut Pass<'_>) -> Vec<Tensor<3>> {
        let at_map = |(i, (map, ((conv, norm), last))): (usize, (&Tensor<4>, &(ConvNorm, Conv2d)))| {
            let x = conv_norm(map.clone(), conv, norm, Activation::Relu6, pass);
            let map = last.forward(x, pass);
            let map = pass.show(&format!("module_list.{i}"), PointSide::Post, map);
            let [images, height, width, _] = map.dims();
            map.reshape([images, height * width * BOXES, self.columns])
        };
        maps.iter()
            .zip(&self.module_list)
            .enumerate()
            .map(at_map)
            .collect()
    }
}
