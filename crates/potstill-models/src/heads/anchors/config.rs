//! The shapes of one-stage detectors.

use potstill_detection::{
    AnchorGrid, BoxCoder, BoxCoding, BoxLoss, DecodeRule, Matcher, OverlapLoss, PointMatcher,
};

use super::tower::TowerKind;
use crate::detections::{DenseLearning, DenseRules};

/// The shape of a one-stage detector behind its pyramid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OneStageConfig {
    /// Which detector it is.
    pub kind: OneStageKind,
    /// How the layers before the last ones are made.
    pub tower: TowerKind,
    /// How many of them there are.
    pub depth: usize,
    /// What a detection must score.
    pub threshold: f32,
}

/// Which one-stage detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OneStageKind {
    /// Nine anchors at each place; boxes by this loss.
    RetinaNet(BoxLoss),
    /// Each place by itself; the longest way to a side of its object is between so many strides.
    Fcos([f32; 2]),
}

impl OneStageConfig {
    /// RetinaNet.
    pub const RETINANET: Self = Self {
        kind: OneStageKind::RetinaNet(BoxLoss::L1),
        tower: TowerKind::Biased,
        depth: 4,
        threshold: 0.05,
    };

    /// The second generation of the same (Zhang et al. 2020).
    pub const RETINANET_V2: Self = Self {
        kind: OneStageKind::RetinaNet(BoxLoss::Overlap(OverlapLoss::Generalized)),
        tower: TowerKind::Normed(32),
        ..Self::RETINANET
    };

    /// FCOS.
    pub const FCOS: Self = Self {
        kind: OneStageKind::Fcos([4.0, 8.0]),
        tower: TowerKind::Flat(32),
        depth: 4,
        threshold: 0.2,
    };

    /// Small heads for small images, of ours.
    pub const FCOS_SMALL: Self = Self {
        kind: OneStageKind::Fcos([3.0, 6.0]),
        tower: TowerKind::Flat(8),
        depth: 2,
        threshold: 0.05,
    };

    /// Whether boxes are distances from a place, with a centre-ness beside them.
    pub const fn has_distances(&self) -> bool {
        matches!(self.kind, OneStageKind::Fcos(_))
    }

    /// How outputs are read and taught that come from levels of these strides.
    pub fn rules(&self, strides: &[usize]) -> DenseRules {
        match self.kind {
            OneStageKind::RetinaNet(loss) => DenseRules {
                anchors: AnchorGrid::retinanet_at(strides),
                coding: BoxCoding::Differences(BoxCoder::default()),
                detections: DecodeRule {
                    threshold: self.threshold,
                    ..DecodeRule::retinanet()
                },
                learning: DenseLearning::Overlap(Matcher::retinanet(), loss),
            },
            OneStageKind::Fcos(reach) => DenseRules {
                anchors: AnchorGrid::fcos_at(strides),
                coding: BoxCoding::Distances,
                detections: DecodeRule {
                    threshold: self.threshold,
                    ..DecodeRule::fcos()
                },
                learning: DenseLearning::Points(PointMatcher {
                    reach,
                    ..PointMatcher::fcos()
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use potstill_detection::{AnchorGrid, DecodeRule};

    use super::OneStageConfig;

    #[test]
    fn the_published_shapes_are_torchvisions() {
        let strides = [8, 16, 32, 64, 128];
        let rules = OneStageConfig::RETINANET.rules(&strides);
        assert_eq!(rules.anchors, AnchorGrid::retinanet());
        assert_eq!(rules.detections, DecodeRule::retinanet());
        let rules = OneStageConfig::FCOS.rules(&strides);
        assert_eq!(rules.anchors, AnchorGrid::fcos());
        assert_eq!(rules.detections, DecodeRule::fcos());
    }
}
