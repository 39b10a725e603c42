//! MobileNetV1 for large images (Howard et al. 2017, table 1), as the ImageNet tables of distillation papers
//! have it.
//!
//! | place | maps (224x224 input) | channels |
//! |---|---|---|
//! | `model.0` | 112x112 | 32 |
//! | `model.1` | 112x112 | 64 |
//! | `model.2`, `model.3` | 56x56 | 128 |
//! | `model.4`, `model.5` | 28x28 | 256 |
//! | `model.6` … `model.11` | 14x14 | 512 |
//! | `model.12`, `model.13` | 7x7 | 1024 |
//! | `pool` | 1x1 | 1024 |
//!
//! Names and layout are those of the network that CRD, ReviewKD and mdistiller share; timm's
//! `mobilenetv1_100` is the same with ReLU6 in the place of ReLU and other names. Points: every place before
//! and after its last ReLU, and `pool`.

use burn::module::Module;
use potstill_ops::{Activation, Conv2d, Conv2dConfig, ForwardPass, Linear, Scope, conv_norm, conv_norm_act};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
    sequence::{Sequence, sequence, units},
};
use crate::{LastStage, ModelEntry, Names, Scheme, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    imagenet::entry("mobilenet_v1", Architecture::MobileNetV1(MobileNetV1Config), Names::new(Scheme::DistillationBenchmark, "fc"),
        [4_231_976, 568_740_352], "MobileNetV1 of width 1 (Howard et al. 2017), names as in the ImageNet tables of CRD and ReviewKD"),
];

/// Channels and stride of the blocks behind the stem.
const BLOCKS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

/// Channels of the stem.
const STEM: usize = 32;

/// There is one network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MobileNetV1Config;

impl Family for MobileNetV1Config {
    type Backbone = MobileNetV1;

    /// Convolutions as PyTorch's default.
    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> MobileNetV1 {
        let scope_of = |i: usize| scope.at("model").at(i);
        let initial = |config, scope: &Scope| Conv2d::uniform(config, 1.0, scope);
        let stem = Conv2dConfig::new(channels, STEM, 3).stride(2);
        let mut model = vec![sequence([stem], initial, &scope_of(0))];
        let mut inputs = STEM;
        for (i, (outputs, stride)) in BLOCKS.into_iter().enumerate() {
            let across = Conv2dConfig::new(inputs, inputs, 3).stride(stride).groups(inputs);
            let mixing = Conv2dConfig::new(inputs, outputs, 1);
            model.push(sequence([across, mixing], initial, &scope_of(i + 1)));
            inputs = outputs;
        }
        MobileNetV1 { model }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        ClassificationHead::new("fc", Linear::new(inputs, classes, &scope.at("fc")))
    }

    fn embedding(&self) -> usize {
        BLOCKS[BLOCKS.len() - 1].0
    }

    fn stem(&self) -> &'static str {
        "model.0"
    }

    /// The last place of each map size from a quarter on, as the official code of ReviewKD reads them.
    fn stages(&self) -> Vec<Stage> {
        let stage = |(place, stride): (usize, usize)| {
            Stage::activated(format!("model.{place}"), BLOCKS[place - 1].0, stride)
        };
        [(3, 4), (5, 8), (11, 16), (13, 32)].map(stage).into()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("model.12", "model.13")
    }
}

/// MobileNetV1.
#[derive(Module, Debug)]
pub(crate) struct MobileNetV1 {
    model: Vec<Sequence>,
}

impl BackboneNetwork for MobileNetV1 {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        let mut x = images;
        for (i, place) in self.model.iter().enumerate() {
            let path = format!("model.{i}");
            let mut units = units(place).peekable();
            while let Some((conv, norm)) = units.next() {
                x = if units.peek().is_some() {
                    conv_norm(x, conv, norm, relu, pass)
                } else {
                    conv_norm_act(x, conv, norm, None, relu, &path, pass)
                };
            }
        }
        x
    }
}
