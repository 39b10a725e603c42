//! Residual networks for 32x32 images (He et al. 2015, section 4.2).
//!
//! | stage | maps (32x32 input) | blocks | channels | `x4` channels |
//! |---|---|---|---|---|
//! | `conv1`, `bn1` | 32x32 | – | 16 | 32 |
//! | `layer1` | 32x32 | n | 16 | 64 |
//! | `layer2` | 16x16 | n | 32 | 128 |
//! | `layer3` | 8x8 | n | 64 | 256 |
//! | `pool` | 1x1 | – | 64 | 256 |
//!
//! with depth `6n + 2`. Points: `conv1`, `layer1.0` … `layer3.(n-1)` before (`:pre`) and after their last
//! activation, and `pool`.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Linear, Scope, conv_norm, conv_norm_act,
};

use super::{
    cifar_benchmark,
    family::{Architecture, BackboneNetwork, Extent, Family},
};
use crate::{
    LastStage, ModelEntry, Names, Scheme, Shortcut, Stage, blueprint::Blueprint, heads::ClassificationHead,
};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    thin("cifar_resnet8", 8, 75_290, 12_239_488, "ResNet-8 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet14", 14, 172_506, 26_395_264, "ResNet-14 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet20", 20, 269_722, 40_551_040, "ResNet-20 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet32", 32, 464_154, 68_862_592, "ResNet-32 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet44", 44, 658_586, 97_174_144, "ResNet-44 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet56", 56, 853_018, 125_485_696, "ResNet-56 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    thin("cifar_resnet110", 110, 1_727_962, 252_887_680, "ResNet-110 for 32x32 images (He et al. 2015, section 4.2), shortcut A"),
    times_four("cifar_resnet8x4", 8, 1_233_540, 177_071_104, "ResNet-8x4 of the CIFAR-100 distillation benchmark (Tian et al. 2020), shortcut B"),
    times_four("cifar_resnet32x4", 32, 7_433_860, 1_083_040_768, "ResNet-32x4 of the CIFAR-100 distillation benchmark (Tian et al. 2020), shortcut B"),
];

const fn thin(
    name: &'static str,
    depth: usize,
    parameters: u64,
    macs: u64,
    about: &'static str,
) -> ModelEntry {
    let config = CifarResNetConfig {
        depth,
        widths: [16, 16, 32, 64],
        shortcut: Shortcut::Subsample,
        stem_stride: 1,
    };
    ModelEntry {
        name,
        about,
        input: [32, 32],
        classes: 10,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::CifarResNet, "linear")
            .published_as(&[("downsample", "shortcut")])
            .also_known_as(ALIASES),
        weights: "CIFAR-10: github.com/akamaster/pytorch_resnet_cifar10 (BSD-2-Clause), ResNet-20 to 110",
        blueprint: Blueprint::Classification(Architecture::CifarResNet(config)),
    }
}

const fn times_four(
    name: &'static str,
    depth: usize,
    parameters: u64,
    macs: u64,
    about: &'static str,
) -> ModelEntry {
    let config = CifarResNetConfig {
        depth,
        widths: [32, 64, 128, 256],
        shortcut: Shortcut::Projection,
        stem_stride: 1,
    };
    let names = cifar_benchmark::names("linear")
        .published_as(&[("linear", "fc")])
        .also_known_as(ALIASES);
    let costs = [parameters, macs];
    cifar_benchmark::entry(name, Architecture::CifarResNet(config), names, costs, about)
}

/// What the networks of this family are called elsewhere.
const ALIASES: &[(&str, &str)] = &[
    ("shortcut", "downsample"),
    ("fc", "linear"),
    ("classifier", "linear"),
    ("head", "linear"),
];

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CifarResNetConfig {
    /// Layers: `6n + 2`.
    depth: usize,
    /// Channels of the stem and the three stages.
    widths: [usize; 4],
    /// What a block adds where the size changes.
    shortcut: Shortcut,
    /// The stride of the stem; 1 in the published networks.
    stem_stride: usize,
}

impl CifarResNetConfig {
    /// The thin network of this depth with a stem of stride 2, for images that are large for it: what small detectors stand on.
    pub const fn halving(depth: usize) -> Self {
        Self {
            depth,
            widths: [16, 16, 32, 64],
            shortcut: Shortcut::Subsample,
            stem_stride: 2,
        }
    }

    /// Blocks of a stage.
    fn blocks(&self) -> usize {
        (self.depth - 2) / 6
    }
}

/// A residual network for small images.
#[derive(Module, Debug)]
pub(crate) struct CifarResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
}

impl Family for CifarResNetConfig {
    type Backbone = CifarResNet;

    /// Convolutions and the classifier are initialised as in He et al. 2015 (normal, variance `2 / fan_in`).
    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> CifarResNet {
        let [stem, narrow, middle, wide] = self.widths;
        let stage = |name, inputs, outputs, stride| {
            (0..self.blocks())
                .map(|i| {
                    let (inputs, stride) = if i == 0 { (inputs, stride) } else { (outputs, 1) };
                    BasicBlock::new(inputs, outputs, stride, self.shortcut, &scope.at(name).at(i))
                })
                .collect()
        };
        CifarResNet {
            conv1: Conv2d::he_normal(
                Conv2dConfig::new(channels, stem, 3).stride(self.stem_stride),
                &scope.at("conv1"),
            ),
            bn1: BatchNorm::new(stem, &scope.at("bn1")),
            layer1: stage("layer1", stem, narrow, 1),
            layer2: stage("layer2", narrow, middle, 2),
            layer3: stage("layer3", middle, wide, 2),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let last = Linear::he_normal(inputs, classes, &scope.at("linear"));
        ClassificationHead::new("linear", last)
    }

    fn embedding(&self) -> usize {
        self.widths[3]
    }

    fn stem(&self) -> &'static str {
        "conv1"
    }

    fn stages(&self) -> Vec<Stage> {
        let last = self.blocks() - 1;
        let stage = |i: usize| {
            Stage::activated(
                format!("layer{i}.{last}"),
                self.widths[i],
                self.stem_stride << (i - 1),
            )
        };
        (1..=3).map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between("layer3.0", format!("layer3.{}", self.blocks() - 1))
    }

    fn with_shortcut(self, shortcut: Shortcut) -> Result<Self, &'static str> {
        if shortcut == Shortcut::Subsample && self.widths[0] != self.widths[1] {
            return Err("its first stage is wider than its stem, which needs the projection (\"b\")");
        }
        Ok(Self { shortcut, ..self })
    }
}

impl BackboneNetwork for CifarResNet {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let mut x = conv_norm_act(
            images,
            &self.conv1,
            &self.bn1,
            None,
            Activation::Relu,
            "conv1",
            pass,
        );
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = block.forward(x, pass);
        }
        x
    }
}

/// Two 3x3 convolutions and a shortcut.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
    #[module(skip)]
    path: String,
}

impl BasicBlock {
    fn new(inputs: usize, outputs: usize, stride: usize, shortcut: Shortcut, scope: &Scope) -> Self {
        let changes = stride != 1 || inputs != outputs;
        // The zero-padding shortcut cannot shrink channels, and needs none where the size stays.
        let projects = changes && shortcut == Shortcut::Projection;
        let conv = |name, inputs, kernel, stride| {
            Conv2d::he_normal(
                Conv2dConfig::new(inputs, outputs, kernel).stride(stride),
                &scope.at(name),
            )
        };
        Self {
            conv1: conv("conv1", inputs, 3, stride),
            bn1: BatchNorm::new(outputs, &scope.at("bn1")),
            conv2: conv("conv2", outputs, 3, 1),
            bn2: BatchNorm::new(outputs, &scope.at("bn2")),
            downsample: projects.then(|| {
                (
                    conv("downsample.0", inputs, 1, stride),
                    BatchNorm::new(outputs, &scope.at("downsample.1")),
                )
            }),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`, ending at the point of the block's path.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let inner = conv_norm(x.clone(), &self.conv1, &self.bn1, Activation::Relu, pass);
        let shortcut = self.shortcut(x, pass);
        conv_norm_act(
            inner,
            &self.conv2,
            &self.bn2,
            Some(shortcut),
            Activation::Relu,
            &self.path,
            pass,
        )
    }

    fn shortcut<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        if let Some((conv, norm)) = &self.downsample {
            return conv_norm(x, conv, norm, Activation::Identity, pass);
        }
        let shape = self.conv1.config();
        if shape.stride == [1, 1] && shape.inputs == shape.outputs {
            return x;
        }
        // Option A: every second place, and the new channels zero, half before and half after.
        let x = pass.subsample(x, shape.stride[0]);
        let more = shape.outputs - shape.inputs;
        pass.pad_channels(x, more / 2, more - more / 2)
    }
}
