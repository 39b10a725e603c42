//! Networks whose name is a pattern around the name of a backbone: any backbone of the registry can carry a dense head.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{HeadConfig, ModelEntry, OutputKind, detectors, registry, segmenters};

/// What a name must look like, and what it then builds on a backbone.
struct Pattern {
    before: &'static str,
    after: &'static str,
    /// What is put on the backbone, in words.
    head: &'static str,
    entry: fn(&ModelEntry) -> Option<ModelEntry>,
}

static PATTERNS: &[Pattern] = &[
    Pattern {
        before: "fcn_",
        after: "",
        head: "FCN",
        entry: |backbone| segmenters::on(backbone, HeadConfig::Fcn),
    },
    Pattern {
        before: "deeplabv3_",
        after: "",
        head: "DeepLabV3",
        entry: |backbone| segmenters::on(backbone, HeadConfig::DeepLabV3),
    },
    Pattern {
        before: "lraspp_",
        after: "",
        head: "LR-ASPP",
        entry: |backbone| segmenters::on(backbone, HeadConfig::LrAspp),
    },
    Pattern {
        before: "pspnet_",
        after: "",
        head: "PSPNet",
        entry: |backbone| segmenters::on(backbone, HeadConfig::Psp),
    },
    Pattern {
        before: "retinanet_",
        after: "_fpn",
        head: "RetinaNet",
        entry: detectors::retinanet,
    },
    Pattern {
        before: "fcos_",
        after: "_fpn",
        head: "FCOS",
        entry: detectors::fcos,
    },
    Pattern {
        before: "fasterrcnn_",
        after: "_fpn",
        head: "Faster R-CNN",
        entry: detectors::faster,
    },
    Pattern {
        before: "maskrcnn_",
        after: "_fpn",
        head: "Mask R-CNN",
        entry: detectors::mask,
    },
    Pattern {
        before: "fasterrcnn_",
        after: "_fpn_v2",
        head: "Faster R-CNN, second generation",
        entry: detectors::faster_v2,
    },
    Pattern {
        before: "maskrcnn_",
        after: "_fpn_v2",
        head: "Mask R-CNN, second generation",
        entry: detectors::mask_v2,
    },
];

/// Entries that were asked for. There are at most as many as patterns times backbones, so they may stay.
static KNOWN: Mutex<BTreeMap<String, &'static ModelEntry>> = Mutex::new(BTreeMap::new());

/// The network of this name, if it follows a pattern.
pub(crate) fn resolve(name: &str) -> Option<&'static ModelEntry> {
    let (pattern, backbone) = PATTERNS.iter().find_map(|pattern| {
        let backbone = name.strip_prefix(pattern.before)?.strip_suffix(pattern.after)?;
        let classifiers = registry().filter(|entry| entry.output_kind() == OutputKind::Logits);
        let entry = classifiers.into_iter().find(|entry| entry.name == backbone)?;
        Some((pattern, entry))
    })?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = known.get(name) {
        return Some(entry);
    }
    let made = (pattern.entry)(backbone)?;
    let about = format!("{} on the backbone of {}", pattern.head, backbone.name);
    let entry: &'static ModelEntry = Box::leak(Box::new(ModelEntry {
        name: Box::leak(name.into()),
        about: Box::leak(about.into()),
        weights: "",
        ..made
    }));
    known.insert(name.into(), entry);
    Some(entry)
}
