//! FastestDet and SSDLite in the registry.

use super::{fastestdet::FastestDetConfig, whole::WholeConfig};
use crate::{ModelEntry, Names, Scheme, blueprint::Blueprint};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    fastestdet("fastestdet", 1, [244_490, 121_491_744], "FastestDet, one map of cells on ShuffleNetV2 (dog-qiuqiu 2022)"),
    fastestdet("fastestdet_0_5", 2, [73_226, 40_115_856], "FastestDet of half the width, of this project: a student of the whole one"),
    ModelEntry {
        name: "ssdlite320_mobilenet_v3_large",
        about: "SSDLite on MobileNetV3-Large with a thin tail (Howard et al. 2019, section 6.3)",
        input: [320, 320],
        classes: 90,
        parameters: Some(3_440_060),
        macs: Some(583_171_904),
        names: Names::new(Scheme::Torchvision, "").with_heads(SSD_HEADS).with_background().with_rows_per_class(6),
        weights: "COCO: torchvision (code BSD-3-Clause; for the weights the terms of COCO may count: pytorch.org/vision)",
        blueprint: Blueprint::Whole(WholeConfig::SsdLite),
    },
];

/// The last convolution of each map's classes.
const SSD_HEADS: &[&str] = &[
    "head.classification_head.module_list.0.1",
    "head.classification_head.module_list.1.1",
    "head.classification_head.module_list.2.1",
    "head.classification_head.module_list.3.1",
    "head.classification_head.module_list.4.1",
    "head.classification_head.module_list.5.1",
];
/// The last convolution of the classes, and the batch norm behind it.
const CELL_HEADS: &[&str] = &[
    "detect_head.cls_layers.conv5x5.3",
    "detect_head.cls_layers.conv5x5.4",
];

const fn fastestdet(
    name: &'static str,
    divisor: usize,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let weights = match divisor {
        1 => "COCO: github.com/dog-qiuqiu/FastestDet (BSD-3-Clause)",
        _ => "",
    };
    ModelEntry {
        name,
        about,
        input: [352, 352],
        classes: 80,
        parameters: Some(parameters),
        macs: Some(macs),
        names: Names::new(Scheme::FastestDet, "").with_heads(CELL_HEADS),
        weights,
        blueprint: Blueprint::Whole(WholeConfig::FastestDet(FastestDetConfig { divisor })),
    }
}
