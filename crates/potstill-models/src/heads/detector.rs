//! Which head of a detector is put on a pyramid.

use potstill_ops::Scope;

use super::{AnchorHeads, Head, OneStageConfig, TwoStageConfig, TwoStageHead};
use crate::OutputKind;

/// Which head of a detector is put on a pyramid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DetectorConfig {
    /// Both stages of Faster R-CNN, or of Mask R-CNN.
    TwoStage(TwoStageConfig),
    /// Heads that look at every anchor: RetinaNet, FCOS.
    OneStage(OneStageConfig),
}

/// The pyramid that a head stands on.
#[derive(Debug, Clone)]
pub(crate) struct Pyramid {
    /// The channels of every level.
    pub channels: usize,
    /// The strides of the levels that have a map of the backbone, fine to coarse.
    pub strides: Vec<usize>,
    /// Coarser levels, each of twice the stride of the one before.
    pub extra: usize,
}

impl Pyramid {
    /// The strides of all levels.
    pub fn all_strides(&self) -> Vec<usize> {
        let deepest = self.strides.last().copied().unwrap_or(1);
        let extra = (1..=self.extra).map(|times| deepest << times);
        self.strides.iter().copied().chain(extra).collect()
    }
}

impl DetectorConfig {
    /// The head for so many classes.
    pub fn build(self, pyramid: &Pyramid, classes: usize, scope: &Scope) -> Head {
        match self {
            Self::TwoStage(config) => Head::TwoStage(TwoStageHead::new(&config, pyramid, classes, scope)),
            Self::OneStage(config) => {
                Head::OneStage(AnchorHeads::new(&config, pyramid, classes, &scope.at("head")))
            }
        }
    }

    /// The path of its tensors and points.
    pub fn path(self) -> &'static str {
        match self {
            Self::TwoStage(_) => "",
            Self::OneStage(_) => "head",
        }
    }

    /// Which kind of outputs it gives.
    pub fn output_kind(self) -> OutputKind {
        match self {
            Self::TwoStage(config) if config.masks => OutputKind::Masks,
            Self::TwoStage(_) | Self::OneStage(_) => OutputKind::Boxes,
        }
    }
}
