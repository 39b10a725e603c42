//! Heads: from the maps of a backbone, or of a neck, to outputs. One head per file.

mod anchors;
mod classification;
mod detector;
mod fcn;
mod regions;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Pass, Scope};

use crate::{DenseLogits, Detections, DetectorFacts, Outputs};

use anchors::AnchorHeads;
pub(crate) use anchors::OneStageConfig;
pub(crate) use classification::{ClassificationHead, Pooling};
pub(crate) use detector::{DetectorConfig, Pyramid};
use fcn::FcnHead;
pub(crate) use regions::TwoStageConfig;
use regions::TwoStageHead;
pub use regions::{Proposed, RegionHeads, SaidOfRegions};

/// Which head for every pixel is put on a backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadConfig {
    /// A fully convolutional segmenter, torchvision's `FCNHead`.
    Fcn,
}

impl HeadConfig {
    /// The head for maps of `inputs` channels.
    pub(crate) fn build(self, inputs: usize, classes: usize, scope: &Scope) -> Head {
        match self {
            Self::Fcn => Head::Fcn(FcnHead::new(inputs, classes, scope)),
        }
    }

    /// What a model with this head is called before its backbone's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fcn => "fcn",
        }
    }

    /// The path of its last layer, whose weight has one row per class.
    pub(crate) fn last_layer(self) -> &'static str {
        match self {
            Self::Fcn => "classifier.4",
        }
    }
}

/// A head of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one head")]
pub(crate) enum Head {
    Classification(ClassificationHead),
    Fcn(FcnHead),
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

    /// Outputs of the maps `[N, h, w, C]` that it reads, fine to coarse, for images of this size `[H, W]`. Only a detector reads more than
    /// the first.
    pub fn forward(&self, mut maps: Vec<Tensor<4>>, size: [usize; 2], pass: &mut Pass<'_>) -> Outputs {
        match self {
            Self::Classification(head) => Outputs::Logits(head.forward(maps.swap_remove(0), pass)),
            Self::Fcn(head) => Outputs::DenseLogits(DenseLogits {
                logits: head.forward(maps.swap_remove(0), pass),
                auxiliary: None,
                size,
            }),
            Self::TwoStage(head) => {
                let regions = head.forward(maps, size, pass);
                Outputs::Detections(Box::new(Detections::Regions(regions)))
            }
            Self::OneStage(head) => {
                let dense = head.forward(maps, size, pass);
                Outputs::Detections(Box::new(Detections::Dense(dense)))
            }
        }
    }
}
