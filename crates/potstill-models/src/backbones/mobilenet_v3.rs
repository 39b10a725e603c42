//! MobileNetV3 (Howard et al. 2019, tables 1 and 2), as torchvision has it.
//!
//! | maps (224x224 input) | small: blocks | channels | large: blocks | channels |
//! |---|---|---|---|---|
//! | 112x112 | `features.0` | 16 | `features.0` … `1` | 16 |
//! | 56x56 | `features.1` | 16 | `features.2` … `3` | 24 |
//! | 28x28 | `features.2` … `3` | 24 | `features.4` … `6` | 40 |
//! | 14x14 | `features.4` … `8` | 40, 48 | `features.7` … `12` | 80, 112 |
//! | 7x7 | `features.9` … `11` | 96 | `features.13` … `15` | 160 |
//! | 7x7 | `features.12` | 576 | `features.16` | 960 |
//! | 1x1 | `pool` | 576 | `pool` | 960 |
//!
//! As the body of a segmenter it has torchvision's names without `features`, such as `0` and `16`, and the last
//! convolution is its last stage; of a segmenter, the last three blocks have dilation 2 and keep the size of the map.
//!
//! The dropout in the classifier is left out. Points: the first and last of `features` before and after their
//! hard swish, every block (which ends without an activation), and `pool`.

use burn::module::Module;
use potstill_ops::{Activation, Conv2dConfig, ForwardPass, Gate, Linear, Scope, conv_norm_act};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    inverted_residual::{ConvNorm, InvertedResidual, InvertedResidualConfig, conv_and_norm},
};
use crate::{
    LastStage, ModelEntry, Stage,
    heads::ClassificationHead,
    named::{Named, module_of_parts},
};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    imagenet::entry("mobilenet_v3_small", Architecture::MobileNetV3(SMALL), imagenet::torchvision("classifier.3"),
        [2_542_856, 56_510_400], "MobileNetV3-Small (Howard et al. 2019)"),
    imagenet::entry("mobilenet_v3_large", Architecture::MobileNetV3(LARGE), imagenet::torchvision("classifier.3"),
        [5_483_032, 216_589_760], "MobileNetV3-Large (Howard et al. 2019)"),
];

/// A row of the paper's tables: kernel, channels inside and out, squeeze and excitation, activation, stride.
type Row = (usize, usize, usize, bool, Activation, usize);

const RE: Activation = Activation::Relu;
const HS: Activation = Activation::HardSwish;

const SMALL: MobileNetV3Config = MobileNetV3Config {
    rows: &[
        (3, 16, 16, true, RE, 2),
        (3, 72, 24, false, RE, 2),
        (3, 88, 24, false, RE, 1),
        (5, 96, 40, true, HS, 2),
        (5, 240, 40, true, HS, 1),
        (5, 240, 40, true, HS, 1),
        (5, 120, 48, true, HS, 1),
        (5, 144, 48, true, HS, 1),
        (5, 288, 96, true, HS, 2),
        (5, 576, 96, true, HS, 1),
        (5, 576, 96, true, HS, 1),
    ],
    ends: [1, 3, 8, 11],
    hidden: 1024,
    is_body: false,
    dilated: false,
};

pub(crate) const LARGE: MobileNetV3Config = MobileNetV3Config {
    rows: &[
        (3, 16, 16, false, RE, 1),
        (3, 64, 24, false, RE, 2),
        (3, 72, 24, false, RE, 1),
        (5, 72, 40, true, RE, 2),
        (5, 120, 40, true, RE, 1),
        (5, 120, 40, true, RE, 1),
        (3, 240, 80, false, HS, 2),
        (3, 200, 80, false, HS, 1),
        (3, 184, 80, false, HS, 1),
        (3, 184, 80, false, HS, 1),
        (3, 480, 112, true, HS, 1),
        (3, 672, 112, true, HS, 1),
        (5, 672, 160, true, HS, 2),
        (5, 960, 160, true, HS, 1),
        (5, 960, 160, true, HS, 1),
    ],
    ends: [3, 6, 12, 15],
    hidden: 1280,
    is_body: false,
    dilated: false,
};

const THIN: MobileNetV3Config = MobileNetV3Config {
    rows: &[
        (3, 16, 16, false, RE, 1),
        (3, 64, 24, false, RE, 2),
        (3, 72, 24, false, RE, 1),
        (5, 72, 40, true, RE, 2),
        (5, 120, 40, true, RE, 1),
        (5, 120, 40, true, RE, 1),
        (3, 240, 80, false, HS, 2),
        (3, 200, 80, false, HS, 1),
        (3, 184, 80, false, HS, 1),
        (3, 184, 80, false, HS, 1),
        (3, 480, 112, true, HS, 1),
        (3, 672, 112, true, HS, 1),
        (5, 672, 80, true, HS, 2),
        (5, 480, 80, true, HS, 1),
        (5, 480, 80, true, HS, 1),
    ],
    ..LARGE
};

/// Channels of the stem.
const STEM: usize = 16;
/// Momentum and epsilon of every batch norm.
const NORM: (f64, f64) = (0.01, 1e-3);

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MobileNetV3Config {
    rows: &'static [Row],
    /// The last block of each map size from a quarter on.
    ends: [usize; 4],
    /// Channels between the two layers of the classifier.
    hidden: usize,
    /// Whether it is cut out for a segmenter.
    is_body: bool,
    /// Whether the last stage is dilated and keeps the size of the map.
    dilated: bool,
}

impl MobileNetV3Config {
    /// Channels of the block `features.place`.
    fn channels(&self, place: usize) -> usize {
        self.rows[place - 1].2
    }

    /// As torchvision cuts it out for segmenters.
    pub const fn of_segmenters(self) -> Self {
        Self {
            is_body: true,
            dilated: true,
            ..self
        }
    }

    /// What stands before the place of a layer in its path.
    fn container(&self) -> &'static str {
        if self.is_body { "" } else { "features" }
    }

    /// The path of the layer at this place.
    fn path(&self, place: usize) -> String {
        if self.is_body {
            place.to_string()
        } else {
            format!("features.{place}")
        }
    }

    /// Stride and dilation of the block at this place.
    fn steps(&self, place: usize) -> [usize; 2] {
        if self.dilated && place > self.ends[2] {
            [1, 2]
        } else {
            [self.rows[place - 1].5, 1]
        }
    }
}

impl Family for MobileNetV3Config {
    type Backbone = MobileNetV3;

    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> MobileNetV3 {
        let place = |i: usize| scope.at(self.path(i));
        let unit = |config, i| {
            let (conv, norm) = conv_and_norm(config, &place(i));
            Feature::Unit((conv, norm.with(NORM.0, NORM.1)))
        };
        let mut features = vec![unit(Conv2dConfig::new(channels, STEM, 3).stride(2), 0)];
        let mut inputs = STEM;
        for &(kernel, wide, outputs, squeezes, activation, published_stride) in self.rows {
            let [stride, dilation] = self.steps(features.len());
            let config = InvertedResidualConfig {
                inputs,
                wide,
                outputs,
                kernel,
                stride,
                dilation,
                // A block that is strided in the published network has no shortcut here either.
                adds: published_stride == 1 && inputs == outputs,
                squeezed: if squeezes { divisible_by_8(wide / 4) } else { 0 },
                activation,
                excitation: (RE, Gate::HardSigmoid),
                norm: NORM,
            };
            let scope = place(features.len());
            features.push(Feature::Block(InvertedResidual::new(&config, &scope)));
            inputs = outputs;
        }
        if extent == Extent::Whole || self.is_body {
            let last = Conv2dConfig::new(inputs, self.embedding(), 1);
            features.push(unit(last, features.len()));
        }
        MobileNetV3 {
            features: Named::new(self.container(), features),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let linear =
            |inputs, outputs, i: usize| Linear::normal(inputs, outputs, 0.01, &scope.at("classifier").at(i));
        let hidden = linear(inputs, self.hidden, 0);
        let last = linear(self.hidden, classes, 3);
        ClassificationHead::new("classifier.3", last).with_hidden("classifier.0", hidden, HS)
    }

    fn embedding(&self) -> usize {
        6 * self.channels(self.ends[3])
    }

    fn stem(&self) -> &'static str {
        if self.is_body { "0" } else { "features.0" }
    }

    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, place): (usize, usize)| {
            let halvings = if self.dilated { i.min(2) } else { i };
            match i {
                3 if self.is_body => Stage::activated(self.path(place + 1), self.embedding(), 4 << halvings),
                _ => Stage::linear(self.path(place), self.channels(place), 4 << halvings),
            }
        };
        self.ends.into_iter().enumerate().map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between(self.path(self.ends[2] + 1), self.path(self.ends[3] + 1))
    }

    fn dilated(self) -> Self {
        self.of_segmenters()
    }

    /// torchvision's takes the first block at an eighth of the image.
    fn auxiliary(&self) -> Stage {
        self.fine()
    }

    fn fine(&self) -> Stage {
        let place = self.ends[0] + 1;
        Stage::linear(self.path(place), self.channels(place), 8)
    }
}

/// The nearest multiple of 8, one more where that would be less than nine tenths.
fn divisible_by_8(channels: usize) -> usize {
    let near = ((channels + 4) / 8 * 8).max(8);
    if 10 * near < 9 * channels { near + 8 } else { near }
}

/// MobileNetV3.
#[derive(Debug, Clone)]
pub(crate) struct MobileNetV3 {
    features: Named<Vec<Feature>>,
}

module_of_parts!(MobileNetV3 { features } with {});

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all features are blocks")]
pub(crate) enum Feature {
    Unit(ConvNorm),
    Block(InvertedResidual),
}

impl Feature {
    /// The layer, which ends at the point `path`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, path: &str, pass: &mut P) -> P::Map {
        match self {
            Self::Unit((conv, norm)) => conv_norm_act(x, conv, norm, None, HS, path, pass),
            Self::Block(block) => block.forward(x, path, pass),
        }
    }
}

impl MobileNetV3 {
    /// All layers in order.
    pub fn into_features(self) -> Vec<Feature> {
        self.features.into_inner()
    }
}

/// MobileNetV3-Large whose last stage has half of the channels, up to its last convolution: what SSDLite is made from.
pub(crate) fn thin_mobilenet_v3(channels: usize, scope: &Scope) -> MobileNetV3 {
    THIN.backbone(channels, Extent::Whole, scope)
}

impl BackboneNetwork for MobileNetV3 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = images;
        let features = self.features.get().iter().enumerate();
        pass.within(self.features.path(), |pass| {
            for (i, feature) in features {
                x = feature.forward(x, &i.to_string(), pass);
            }
            x
        })
    }
}
