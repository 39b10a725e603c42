//! RetinaNet (Lin et al. 2017, "Focal Loss for Dense Object Detection") and FCOS (Tian et al. 2019) on feature pyramids, as torchvision has them, and small
//! ones of ours.

use crate::{
    ExtraLevels, FpnConfig, ModelEntry, Names, NeckConfig, Scheme,
    backbones::Architecture,
    blueprint::Blueprint,
    heads::{DetectorConfig, OneStageConfig},
    levels::Levels,
};

const RETINANET: OneStageConfig = OneStageConfig::RETINANET;
const FCOS: OneStageConfig = OneStageConfig::FCOS;

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    resnet("retinanet_resnet18_fpn", 18, RETINANET, [21_048_471, 164_224_961_024], "RetinaNet on a pyramid of ResNet-18 (Lin et al. 2017)"),
    resnet("retinanet_resnet34_fpn", 34, RETINANET, [31_156_631, 196_311_386_624], "RetinaNet on a pyramid of ResNet-34"),
    resnet("retinanet_resnet50_fpn", 50, RETINANET, [34_068_119, 206_004_161_024], "RetinaNet on a pyramid of ResNet-50"),
    resnet("retinanet_resnet101_fpn", 101, RETINANET, [53_060_247, 270_399_834_624], "RetinaNet on a pyramid of ResNet-101"),
    ModelEntry {
        blueprint: blueprint(RESNET50, pyramid(true), OneStageConfig::RETINANET_V2),
        ..resnet("retinanet_resnet50_fpn_v2", 50, RETINANET, [38_198_935, 206_916_618_752], "RetinaNet with group norm in the heads, and boxes taught by their overlap (Zhang et al. 2020)")
    },
    mobile("retinanet_mobilenet_v2_fpn", Architecture::MOBILENET_V2, RETINANET, [11_568_983, 137_097_095_424], "RetinaNet on a pyramid of MobileNetV2"),
    mobile("retinanet_mobilenet_v3_large_fpn", Architecture::MOBILENET_V3_LARGE, RETINANET, [12_538_887, 135_815_361_024], "RetinaNet on a pyramid of MobileNetV3-Large"),
    resnet("fcos_resnet18_fpn", 18, FCOS, [19_303_072, 132_513_382_400], "FCOS on a pyramid of ResNet-18 (Tian et al. 2019)"),
    resnet("fcos_resnet34_fpn", 34, FCOS, [29_411_232, 164_599_808_000], "FCOS on a pyramid of ResNet-34"),
    resnet("fcos_resnet50_fpn", 50, FCOS, [32_322_720, 174_292_582_400], "FCOS on a pyramid of ResNet-50"),
    resnet("fcos_resnet101_fpn", 101, FCOS, [51_314_848, 238_688_256_000], "FCOS on a pyramid of ResNet-101"),
    mobile("fcos_mobilenet_v2_fpn", Architecture::MOBILENET_V2, FCOS, [9_823_584, 105_385_516_800], "FCOS on a pyramid of MobileNetV2"),
    mobile("fcos_mobilenet_v3_large_fpn", Architecture::MOBILENET_V3_LARGE, FCOS, [10_793_488, 104_103_782_400], "FCOS on a pyramid of MobileNetV3-Large"),
    small("fcos_cifar_resnet8", 8, [346_267, 173_442_816], "A small FCOS on ResNet-8 with a stem of stride 2, of this project"),
    small("fcos_cifar_resnet20", 20, [540_699, 237_143_808], "A small FCOS on ResNet-20 with a stem of stride 2, of this project"),
    small("fcos_cifar_resnet56", 56, [1_123_995, 428_246_784], "A small FCOS on ResNet-56 with a stem of stride 2, of this project"),
];

/// Where the weight with one row for each class and anchor stands.
const HEAD: &str = "head.classification_head.cls_logits";
const NAMES: Names = Names::new(Scheme::Torchvision, HEAD);
/// Anchors at each place of RetinaNet.
const ANCHORS: usize = 9;
const RESNET50: Architecture = Architecture::resnet(50);

/// On the three deeper stages of a ResNet.
const fn resnet(
    name: &'static str,
    depth: usize,
    config: OneStageConfig,
    costs: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    published(name, Architecture::resnet(depth), config, costs, about)
}

/// On the three deeper stages of a MobileNet.
const fn mobile(
    name: &'static str,
    architecture: Architecture,
    config: OneStageConfig,
    costs: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let found = published(name, architecture, config, costs, about);
    ModelEntry {
        // torchvision leaves `features` out of a MobileNet below `backbone.body`.
        names: found
            .names
            .published_as(&[("features", "")])
            .also_known_as(&[("body", "body.features")]),
        weights: "",
        ..found
    }
}

/// With one column for each of COCO's ids, of which the first is empty. Costs are parameters and multiply-accumulates.
const fn published(
    name: &'static str,
    architecture: Architecture,
    config: OneStageConfig,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    ModelEntry {
        name,
        about,
        input: [800, 1088],
        classes: 91,
        parameters: Some(parameters),
        macs: Some(macs),
        names: names(NAMES, &config),
        weights: "COCO: torchvision (code BSD-3-Clause; for the weights the terms of COCO may count: pytorch.org/vision)",
        blueprint: blueprint(architecture, pyramid(false), config),
    }
}

/// These names, with as many rows for each class as there are anchors.
const fn names(names: Names, config: &OneStageConfig) -> Names {
    if config.has_distances() {
        names
    } else {
        names.with_rows_per_class(ANCHORS)
    }
}

/// Two coarser levels, the first from the deepest map that goes in or comes out.
const fn pyramid(of_input: bool) -> FpnConfig {
    FpnConfig::new(256).with(ExtraLevels::TwoConvolutions { of_input })
}

/// On the two deeper stages of a thin ResNet, with a pyramid of 64 channels and one coarser level.
const fn small(
    name: &'static str,
    depth: usize,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let architecture = Architecture::halving_cifar_resnet(depth);
    ModelEntry {
        name,
        about,
        input: [96, 96],
        classes: 6,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::Own, HEAD),
        weights: "",
        blueprint: blueprint(
            architecture,
            FpnConfig::new(64).with(ExtraLevels::Convolution),
            OneStageConfig::FCOS_SMALL,
        ),
    }
}

const fn blueprint(architecture: Architecture, pyramid: FpnConfig, config: OneStageConfig) -> Blueprint {
    Blueprint::Detector {
        architecture,
        levels: Levels::ButFinest,
        neck: NeckConfig::Fpn(pyramid),
        head: DetectorConfig::OneStage(config),
    }
}

/// RetinaNet on all stages of a backbone but the finest; its name is that of the backbone.
pub(crate) fn retinanet(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, RETINANET)
}

/// FCOS on the same.
pub(crate) fn fcos(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, FCOS)
}

fn on_backbone(backbone: &ModelEntry, config: OneStageConfig) -> Option<ModelEntry> {
    Some(ModelEntry {
        parameters: None,
        macs: None,
        names: names(backbone.names.with_other_heads(&[HEAD]), &config),
        blueprint: blueprint(backbone.blueprint.architecture()?, pyramid(false), config),
        ..*backbone
    })
}
