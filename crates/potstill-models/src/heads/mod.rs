//! Heads: from the maps of a backbone, or of a neck, to outputs. One head per file.

mod anchors;
mod classification;
mod conv_norm;
mod deeplab_v3;
mod detector;
mod fcn;
mod lr_aspp;
mod psp;
mod regions;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Pass, Point, Scope, Trace, TracedMap};

use crate::{DenseLogits, Detections, DetectorFacts, Outputs};

use anchors::AnchorHeads;
pub(crate) use anchors::OneStageConfig;
pub(crate) use classification::{ClassificationHead, Pooling};
use deeplab_v3::DeepLabV3Head;
pub(crate) use detector::{DetectorConfig, Pyramid};
pub(crate) use fcn::{FcnHead, FcnNames};
use lr_aspp::LrAsppHead;
use psp::PspHead;
pub(crate) use regions::TwoStageConfig;
use regions::TwoStageHead;
pub use regions::{Proposed, RegionHeads, SaidOfRegions};

/// Which head for every pixel is put on a backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadConfig {
    /// A fully convolutional segmenter, torchvision's `FCNHead`.
    Fcn,
    /// Atrous spatial pyramid pooling, torchvision's `DeepLabHead`.
    DeepLabV3,
    /// MobileNetV3's light form of it, torchvision's `LRASPPHead`: it reads a fine map beside the deepest.
    LrAspp,
    /// Pyramid pooling, MMSegmentation's `PSPHead`.
    Psp,
}

impl HeadConfig {
    /// The head for a fine and the deepest map of so many channels.
    pub(crate) fn build(self, [fine, deep]: [usize; 2], classes: usize, scope: &Scope) -> Head {
        match self {
            Self::Fcn => Head::Fcn(FcnHead::new(
                [deep, deep / 4],
                classes,
                FcnNames::TORCHVISION,
                scope,
            )),
            Self::DeepLabV3 => Head::DeepLabV3(DeepLabV3Head::new(deep, classes, scope)),
            Self::LrAspp => Head::LrAspp(LrAsppHead::new([fine, deep], classes, scope)),
            Self::Psp => Head::Psp(PspHead::new(deep, classes, scope)),
        }
    }

    /// The auxiliary classifier beside the head, for maps of `inputs` channels.
    pub(crate) fn auxiliary(self, inputs: usize, classes: usize, scope: &Scope) -> FcnHead {
        let names = match self {
            Self::Psp => FcnNames::MMSEGMENTATION,
            Self::Fcn | Self::DeepLabV3 | Self::LrAspp => FcnNames::TORCHVISION,
        };
        FcnHead::new([inputs, inputs / 4], classes, names, scope)
    }

    /// The paths of the head and of the auxiliary classifier in a model.
    pub(crate) fn paths(self) -> [&'static str; 2] {
        match self {
            Self::Psp => ["decode_head", "auxiliary_head"],
            Self::Fcn | Self::DeepLabV3 | Self::LrAspp => ["classifier", "aux_classifier"],
        }
    }

    /// What a model with this head is called before its backbone's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fcn => "fcn",
            Self::DeepLabV3 => "deeplabv3",
            Self::LrAspp => "lraspp",
            Self::Psp => "pspnet",
        }
    }

    /// The paths of the layers whose weights have one row per class, in a model; the one that gives the logits first.
    pub(crate) const fn last_layers(self) -> &'static [&'static str] {
        match self {
            Self::Fcn | Self::DeepLabV3 => &["classifier.4", "aux_classifier.4"],
            Self::LrAspp => &[
                "classifier.low_classifier",
                "classifier.high_classifier",
                "aux_classifier.4",
            ],
            Self::Psp => &["decode_head.conv_seg", "auxiliary_head.conv_seg"],
        }
    }

    /// The map that its last layer reads.
    pub(crate) fn input_of_the_classifier(self) -> Point {
        match self {
            Self::Fcn => Point::post("classifier.2"),
            Self::DeepLabV3 => Point::post("classifier.3"),
            Self::LrAspp => Point::post("classifier.cbr"),
            Self::Psp => Point::post("decode_head.bottleneck"),
        }
    }
}

/// A head of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one head")]
pub(crate) enum Head {
    Classification(ClassificationHead),
    Fcn(FcnHead),
    DeepLabV3(DeepLabV3Head),
    LrAspp(LrAsppHead),
    Psp(PspHead),
    TwoStage(TwoStageHead),
    OneStage(AnchorHeads),
}

impl Head {
    /// What is to be known of a detector's head; `None` of any other.
    pub fn detector_facts(&self) -> Option<DetectorFacts> {
        match self {
            Self::OneStage(head) => Some(head.rules().into()),
            Self::TwoStage(head) => Some(head.rules().into()),
            _ => None,
        }
    }

    /// Traces the way from the maps that it reads, fine to coarse, to its logits: one row for each image, `[N, 1, 1, K]`, or one for each
    /// place. `None` of a detector's head.
    pub fn trace(&self, mut maps: Vec<TracedMap>, trace: &mut Trace) -> Option<TracedMap> {
        let (first, deep) = (maps.first().copied()?, maps.pop()?);
        Some(match self {
            Self::Classification(head) => head.forward(first, trace),
            Self::Fcn(head) => head.forward(first, trace),
            Self::DeepLabV3(head) => head.forward(first, trace),
            Self::Psp(head) => head.forward(&first, trace),
            Self::LrAspp(head) => head.forward([first, deep], trace),
            Self::TwoStage(_) | Self::OneStage(_) => return None,
        })
    }

    /// Outputs of the maps `[N, h, w, C]` that it reads, fine to coarse, for images of this size `[H, W]`. LR-ASPP reads the first and
    /// the last, a detector all, any other head the first.
    pub fn forward(&self, mut maps: Vec<Tensor<4>>, size: [usize; 2], pass: &mut Pass<'_>) -> Outputs {
        let logits = match self {
            Self::Classification(head) => {
                let logits = head.forward(maps.swap_remove(0), pass);
                return Outputs::Logits(logits.flatten(1, 3));
            }
            Self::Fcn(head) => head.forward(maps.swap_remove(0), pass),
            Self::DeepLabV3(head) => head.forward(maps.swap_remove(0), pass),
            Self::Psp(head) => head.forward(&maps[0], pass),
            Self::LrAspp(head) => {
                let deep = maps[maps.len() - 1].clone();
                head.forward([maps.swap_remove(0), deep], pass)
            }
            Self::TwoStage(head) => {
                let regions = head.forward(maps, size, pass);
                return Outputs::Detections(Box::new(Detections::Regions(regions)));
            }
            Self::OneStage(head) => {
                let dense = head.forward(maps, size, pass);
                return Outputs::Detections(Box::new(Detections::Dense(dense)));
            }
        };
        Outputs::DenseLogits(DenseLogits {
            logits,
            auxiliary: None,
            size,
        })
    }
}
