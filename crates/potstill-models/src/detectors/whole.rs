//! Detectors that are no backbone with a neck and a head: each is one piece.

use burn::{module::Module, tensor::Tensor};
use potstill_detection::{DecodeRule, DefaultBoxes};
use potstill_ops::{Pass, Scope};

use super::{
    fastestdet::{FastestDet, FastestDetConfig},
    ssdlite::{self, SsdLite},
};
use crate::{
    CellDetections, DefaultBoxDetections, Detections, DetectorFacts, InputRule, LastStage, Outputs, Stage,
    StageEnd,
};

/// The configuration of a detector in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WholeConfig {
    FastestDet(FastestDetConfig),
    SsdLite,
}

/// A detector in one piece.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a program has a few networks")]
pub(crate) enum WholeDetector {
    FastestDet(FastestDet),
    SsdLite(SsdLite),
}

impl WholeConfig {
    /// The network for images of so many channels and so many classes, with fresh weights from the scope's streams.
    pub fn build(self, sizes: [usize; 2], scope: &Scope) -> WholeDetector {
        match self {
            Self::FastestDet(config) => WholeDetector::FastestDet(FastestDet::new(config, sizes, scope)),
            Self::SsdLite => WholeDetector::SsdLite(SsdLite::new(sizes, scope)),
        }
    }

    /// How the published network takes images.
    pub fn input_rule(self) -> InputRule {
        match self {
            Self::FastestDet(_) => InputRule::FASTESTDET,
            Self::SsdLite => InputRule::SSDLITE,
        }
    }

    /// Where the stem ends.
    pub fn stem(self) -> StageEnd {
        match self {
            Self::FastestDet(_) => FastestDetConfig::stem(),
            Self::SsdLite => ssdlite::stem(),
        }
    }

    /// The maps that methods read, fine to coarse.
    pub fn stages(self) -> Vec<Stage> {
        match self {
            Self::FastestDet(config) => config.stages(),
            Self::SsdLite => ssdlite::stages(),
        }
    }

    /// The ends of the part that the head reads.
    pub fn last_stage(self) -> LastStage {
        match self {
            Self::FastestDet(_) => LastStage::between("backbone.stage4", "SPP"),
            Self::SsdLite => LastStage::between("backbone.features.0", "backbone.features.1"),
        }
    }
}

impl WholeDetector {
    /// What is to be known of it.
    pub fn detector(&self) -> DetectorFacts {
        match self {
            Self::FastestDet(_) => DetectorFacts::of_cells(),
            Self::SsdLite(_) => DetectorFacts::of_default_boxes(),
        }
    }

    /// What it gives for normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let [_, height, width, _] = images.dims();
        let size = [height, width];
        Outputs::Detections(Box::new(match self {
            Self::FastestDet(network) => {
                let cells = network.forward(images, pass);
                let rule = DecodeRule::fastestdet();
                Detections::Cells(CellDetections { cells, size, rule })
            }
            Self::SsdLite(network) => Detections::DefaultBoxes(DefaultBoxDetections {
                maps: network.forward(images, pass),
                size,
                boxes: DefaultBoxes::ssdlite(),
                rule: DecodeRule::ssdlite(),
            }),
        }))
    }
}
