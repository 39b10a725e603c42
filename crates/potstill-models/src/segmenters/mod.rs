//! Segmenters by name: heads on backbones that are cut out for them, and networks of a build of their own.
//!
//! Where a backbone has such a form, its last stages are dilated instead of strided: the head reads a map at an eighth of the image
//! (ResNet) or at a sixteenth (MobileNetV3), and what it gives is resized to the image by whoever reads it.

mod enet;

use crate::{
    HeadConfig, ModelEntry, Names, Scheme,
    assembly::DenseConfig,
    backbones::{Architecture, mobilenet_v3::LARGE, resnet::ResNetConfig},
    blueprint::Blueprint,
};
pub(crate) use enet::{Enet, EnetConfig};

/// Where weights of torchvision's segmenters are.
const TORCHVISION: &str = "COCO with the 21 labels of VOC: torchvision (code BSD-3-Clause; for the weights the terms of COCO's images count: pytorch.org/vision)";
/// Where weights of MMSegmentation's are.
const MMSEGMENTATION: &str = "Cityscapes: github.com/open-mmlab/mmsegmentation (code Apache-2.0; for the weights the terms of Cityscapes count)";
/// Where weights of ENet are.
const ENET: &str = "CamVid: github.com/iArunava/ENet-Real-Time-Semantic-Segmentation (code BSD-3-Clause; CamVid is for non-commercial use)";

const RESNET18: ResNetConfig = ResNetConfig::of_depth(18).with_dilation();
const RESNET50: ResNetConfig = ResNetConfig::of_depth(50).with_dilation();
const RESNET101: ResNetConfig = ResNetConfig::of_depth(101).with_dilation();
const MOBILENET_V3: Architecture = Architecture::MobileNetV3(LARGE.of_segmenters());

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    torchvision("fcn_resnet50", Architecture::ResNet(RESNET50), HeadConfig::Fcn, [32_957_013, 142_725_772_800], "FCN (Long et al. 2015) on a dilated ResNet-50"),
    torchvision("fcn_resnet101", Architecture::ResNet(RESNET101), HeadConfig::Fcn, [51_949_141, 222_746_867_200], "FCN (Long et al. 2015) on a dilated ResNet-101"),
    torchvision("deeplabv3_resnet50", Architecture::ResNet(RESNET50), HeadConfig::DeepLabV3, [39_638_869, 168_731_205_888], "DeepLabV3 (Chen et al. 2017) on a dilated ResNet-50"),
    torchvision("deeplabv3_resnet101", Architecture::ResNet(RESNET101), HeadConfig::DeepLabV3, [58_630_997, 248_752_300_288], "DeepLabV3 (Chen et al. 2017) on a dilated ResNet-101"),
    torchvision("deeplabv3_mobilenet_v3_large", MOBILENET_V3, HeadConfig::DeepLabV3, [11_025_477, 10_436_350_688], "DeepLabV3 (Chen et al. 2017) on a dilated MobileNetV3-Large"),
    torchvision("lraspp_mobilenet_v3_large", MOBILENET_V3, HeadConfig::LrAspp, [3_221_538, 2_086_219_688], "LR-ASPP (Howard et al. 2019) on a dilated MobileNetV3-Large"),
    pspnet("pspnet_resnet18", RESNET18, [12_790_086, 109_668_073_472], "PSPNet (Zhao et al. 2017) on a dilated ResNet-18 with a deep stem"),
    pspnet("pspnet_resnet101", RESNET101, [67_967_622, 531_116_326_912], "PSPNet (Zhao et al. 2017) on a dilated ResNet-101 with a deep stem"),
    enet("enet", 16, [353_916, 1_994_588_160], ENET, "ENet (Paszke et al. 2016)"),
    enet("enet_0_5", 8, [91_176, 530_055_168], "", "ENet of half the width"),
];

const fn torchvision(
    name: &'static str,
    backbone: Architecture,
    head: HeadConfig,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let config = DenseConfig {
        neck: None,
        head,
        auxiliary: false,
    };
    ModelEntry {
        name,
        about,
        input: [520, 520],
        classes: 21,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::Torchvision, "").with_heads(head.last_layers()),
        weights: TORCHVISION,
        blueprint: Blueprint::Dense(backbone, config),
    }
}

const fn pspnet(
    name: &'static str,
    backbone: ResNetConfig,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let config = DenseConfig {
        neck: None,
        head: HeadConfig::Psp,
        auxiliary: true,
    };
    ModelEntry {
        name,
        about,
        input: [512, 1024],
        classes: 19,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::MmSegmentation, "").with_heads(HeadConfig::Psp.last_layers()),
        weights: MMSEGMENTATION,
        blueprint: Blueprint::Dense(Architecture::ResNet(backbone.with_three_convolutions()), config),
    }
}

const fn enet(
    name: &'static str,
    stem: usize,
    [parameters, macs]: [u64; 2],
    weights: &'static str,
    about: &'static str,
) -> ModelEntry {
    ModelEntry {
        name,
        about,
        input: [512, 512],
        classes: 12,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::Enet, "fullconv")
            .transposed()
            .with_copies(&[("prelu1", "prelu2"), ("prelu1", "prelu3")]),
        weights,
        blueprint: Blueprint::Enet(EnetConfig { stem }),
    }
}

/// The entry of a segmenter with this head on another backbone of the registry, dilated where it has such a form; none if it is no
/// backbone.
pub(crate) fn on(backbone: &ModelEntry, head: HeadConfig) -> Option<ModelEntry> {
    let config = DenseConfig {
        neck: None,
        head,
        auxiliary: head == HeadConfig::Psp,
    };
    let entry = backbone.dense(config).ok()?;
    let mut architecture = entry.blueprint.architecture()?.dilated();
    if head == HeadConfig::Psp {
        architecture = architecture.with_deep_stem();
    }
    Some(ModelEntry {
        weights: "",
        blueprint: Blueprint::Dense(architecture, config),
        ..entry
    })
}
