//! Faster R-CNN (Ren et al. 2015) and Mask R-CNN (He et al. 2017) on feature pyramids (Lin et al. 2017), as torchvision has them, and small
//! ones of ours.

use crate::{
    ExtraLevels, FpnConfig, ModelEntry, Names, NeckConfig, Scheme,
    backbones::Architecture,
    blueprint::Blueprint,
    heads::{DetectorConfig, TwoStageConfig},
    levels::Levels,
};

const FASTER: TwoStageConfig = TwoStageConfig::FASTER;
const MASK: TwoStageConfig = FASTER.with_masks();

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    resnet("fasterrcnn_resnet18_fpn", 18, FASTER, [28_739_606, 118_769_113_344], "Faster R-CNN on a pyramid of ResNet-18 (Ren et al. 2015; Lin et al. 2017)"),
    resnet("fasterrcnn_resnet34_fpn", 34, FASTER, [38_847_766, 150_855_538_944], "Faster R-CNN on a pyramid of ResNet-34"),
    resnet("fasterrcnn_resnet50_fpn", 50, FASTER, [41_808_406, 163_222_182_144], "Faster R-CNN on a pyramid of ResNet-50"),
    resnet("fasterrcnn_resnet101_fpn", 101, FASTER, [60_800_534, 227_617_855_744], "Faster R-CNN on a pyramid of ResNet-101"),
    resnet("fasterrcnn_resnet50_fpn_v2", 50, FASTER.second_generation(), [43_712_278, 205_967_317_248], "Faster R-CNN with deeper heads and batch norm in pyramid and heads (Li et al. 2021)"),
    mobile("fasterrcnn_mobilenet_v3_large_fpn", [800, 1088], TwoStageConfig::MOBILE, 6_105_359_104, "Faster R-CNN on two levels of MobileNetV3-Large"),
    mobile("fasterrcnn_mobilenet_v3_large_320_fpn", [320, 320], TwoStageConfig::MOBILE_320, 718_998_400, "Faster R-CNN on two levels of MobileNetV3-Large for images of 320 pixels"),
    ModelEntry {
        names: MOBILE_NAMES,
        ..published("fasterrcnn_mobilenet_v2_fpn", (Architecture::MOBILENET_V2, Levels::Stages), FASTER, [19_249_878, 91_084_191_744], "Faster R-CNN on four levels of MobileNetV2, as ReviewKD has it (Chen et al. 2021)")
    },
    resnet("maskrcnn_resnet18_fpn", 18, MASK, [31_385_713, 118_769_113_344], "Mask R-CNN on a pyramid of ResNet-18 (He et al. 2017)"),
    resnet("maskrcnn_resnet34_fpn", 34, MASK, [41_493_873, 150_855_538_944], "Mask R-CNN on a pyramid of ResNet-34"),
    resnet("maskrcnn_resnet50_fpn", 50, MASK, [44_454_513, 163_222_182_144], "Mask R-CNN on a pyramid of ResNet-50"),
    resnet("maskrcnn_resnet101_fpn", 101, MASK, [63_446_641, 227_617_855_744], "Mask R-CNN on a pyramid of ResNet-101"),
    resnet("maskrcnn_resnet50_fpn_v2", 50, MASK.second_generation(), [46_359_409, 205_967_317_248], "Mask R-CNN with deeper heads and batch norm in pyramid and heads (Li et al. 2021)"),
    small("fasterrcnn_cifar_resnet8", 8, false, [615_234, 84_443_904], "A small Faster R-CNN on ResNet-8 with a stem of stride 2, of this project"),
    small("fasterrcnn_cifar_resnet20", 20, false, [809_666, 148_144_896], "A small Faster R-CNN on ResNet-20 with a stem of stride 2, of this project"),
    small("fasterrcnn_cifar_resnet56", 56, false, [1_392_962, 339_247_872], "A small Faster R-CNN on ResNet-56 with a stem of stride 2, of this project"),
    small("maskrcnn_cifar_resnet8", 8, true, [779_849, 84_443_904], "A small Mask R-CNN on ResNet-8 with a stem of stride 2, of this project"),
    small("maskrcnn_cifar_resnet20", 20, true, [974_281, 148_144_896], "A small Mask R-CNN on ResNet-20 with a stem of stride 2, of this project"),
    small("maskrcnn_cifar_resnet56", 56, true, [1_557_577, 339_247_872], "A small Mask R-CNN on ResNet-56 with a stem of stride 2, of this project"),
];

/// Where weights have rows for each class; the last one is Mask R-CNN's alone.
const HEADS: &[&str] = &[
    "roi_heads.box_predictor.cls_score",
    "roi_heads.box_predictor.bbox_pred",
    "roi_heads.mask_predictor.mask_fcn_logits",
];
const NAMES: Names = Names::new(Scheme::Torchvision, "")
    .with_heads(HEADS)
    .with_background();
/// torchvision leaves `features` out of a MobileNet below `backbone.body`.
const MOBILE_NAMES: Names = NAMES
    .published_as(&[("features", "")])
    .also_known_as(&[("body", "body.features")]);

/// On levels of a ResNet.
const fn resnet(
    name: &'static str,
    depth: usize,
    config: TwoStageConfig,
    costs: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    published(
        name,
        (Architecture::resnet(depth), Levels::Stages),
        config,
        costs,
        about,
    )
}

/// On the two levels of MobileNetV3-Large.
const fn mobile(
    name: &'static str,
    input: [usize; 2],
    config: TwoStageConfig,
    macs: u64,
    about: &'static str,
) -> ModelEntry {
    let levels = (Architecture::MOBILENET_V3_LARGE, Levels::MOBILENET_V3_LARGE);
    ModelEntry {
        input,
        names: MOBILE_NAMES,
        ..published(name, levels, config, [19_410_754, macs], about)
    }
}

/// With COCO's 90 ids as classes. Costs are parameters, and multiply-accumulates of everything but the heads on regions.
const fn published(
    name: &'static str,
    levels: (Architecture, Levels),
    config: TwoStageConfig,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let pyramid = FpnConfig {
        channels: 256,
        extra: ExtraLevels::Pool,
        norm: config.second_generation,
    };
    ModelEntry {
        name,
        about,
        input: [800, 1088],
        classes: 90,
        parameters: Some(parameters),
        macs: Some(macs),
        names: NAMES,
        weights: "COCO: torchvision (code BSD-3-Clause; for the weights the terms of COCO may count: pytorch.org/vision)",
        blueprint: blueprint(levels, pyramid, config),
    }
}

/// On the two deeper stages of a thin ResNet, with a pyramid of 64 channels.
const fn small(
    name: &'static str,
    depth: usize,
    masks: bool,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let config = TwoStageConfig {
        masks,
        ..TwoStageConfig::SMALL
    };
    let pyramid = FpnConfig::new(64).with(ExtraLevels::Pool);
    let levels = (Architecture::halving_cifar_resnet(depth), Levels::ButFinest);
    ModelEntry {
        name,
        about,
        input: [96, 96],
        classes: 6,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::Own, "").with_heads(HEADS).with_background(),
        weights: "",
        blueprint: blueprint(levels, pyramid, config),
    }
}

const fn blueprint(
    (architecture, levels): (Architecture, Levels),
    pyramid: FpnConfig,
    config: TwoStageConfig,
) -> Blueprint {
    Blueprint::Detector {
        architecture,
        levels,
        neck: NeckConfig::Fpn(pyramid),
        head: DetectorConfig::TwoStage(config),
    }
}

/// Faster R-CNN on all stages of a backbone; its name is that of the backbone.
pub(crate) fn faster(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, FASTER)
}

/// Mask R-CNN on the same.
pub(crate) fn mask(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, MASK)
}

/// The second generation of Faster R-CNN on the same.
pub(crate) fn faster_v2(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, FASTER.second_generation())
}

/// The second generation of Mask R-CNN on the same.
pub(crate) fn mask_v2(backbone: &ModelEntry) -> Option<ModelEntry> {
    on_backbone(backbone, MASK.second_generation())
}

fn on_backbone(backbone: &ModelEntry, config: TwoStageConfig) -> Option<ModelEntry> {
    let levels = (backbone.blueprint.architecture()?, Levels::Stages);
    let pyramid = FpnConfig {
        norm: config.second_generation,
        ..FpnConfig::new(256).with(ExtraLevels::Pool)
    };
    Some(ModelEntry {
        parameters: None,
        macs: None,
        names: backbone.names.with_other_heads(HEADS).with_background(),
        blueprint: blueprint(levels, pyramid, config),
        ..*backbone
    })
}
