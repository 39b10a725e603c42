//! The shapes of two-stage detectors.

use potstill_detection::{AnchorGrid, BalancedSampler, DecodeRule};

use crate::detections::RegionRules;

/// The shape of a two-stage detector behind its pyramid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TwoStageConfig {
    /// Whether it is torchvision's `_v2`: two convolutions before proposals, convolutions and batch norm in the heads (Li et al. 2021,
    /// "Benchmarking Detection Transfer Learning with Vision Transformers").
    pub second_generation: bool,
    /// Whether it outlines objects: Mask R-CNN.
    pub masks: bool,
    /// Channels of the embedding of a region.
    pub width: usize,
    /// The sides of pooled regions: for boxes, for masks.
    pub sides: [usize; 2],
    /// The sides of anchors.
    pub anchors: AnchorSides,
    /// Candidates of a level and proposals of an image: in a training step, otherwise.
    pub proposals: [[usize; 2]; 2],
    /// What a proposal must score to be looked at.
    pub threshold: f32,
    /// Anchors and regions of an image that a step learns from.
    pub sampled: [usize; 2],
}

/// The sides of the anchors of a level, each in three ratios.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnchorSides {
    /// One: so many strides of the level.
    OfStride(usize),
    /// These, at every level.
    All(&'static [usize]),
}

impl TwoStageConfig {
    /// Faster R-CNN.
    pub const FASTER: Self = Self {
        second_generation: false,
        masks: false,
        width: 1024,
        sides: [7, 14],
        anchors: AnchorSides::OfStride(8),
        proposals: [[2000, 2000], [1000, 1000]],
        threshold: 0.0,
        sampled: [256, 512],
    };

    /// Faster R-CNN on MobileNetV3, whose two levels have one stride.
    pub const MOBILE: Self = Self {
        anchors: AnchorSides::All(&[32, 64, 128, 256, 512]),
        threshold: 0.05,
        ..Self::FASTER
    };

    /// The same for images of 320 pixels.
    pub const MOBILE_320: Self = Self {
        proposals: [[2000, 2000], [150, 150]],
        ..Self::MOBILE
    };

    /// Small heads for small images, of ours.
    pub const SMALL: Self = Self {
        width: 128,
        anchors: AnchorSides::OfStride(4),
        proposals: [[200, 100], [200, 50]],
        sampled: [64, 32],
        ..Self::FASTER
    };

    /// The same, outlining objects.
    pub const fn with_masks(self) -> Self {
        Self { masks: true, ..self }
    }

    /// The second generation of the same.
    pub const fn second_generation(self) -> Self {
        Self {
            second_generation: true,
            ..self
        }
    }

    /// How outputs are read that come from levels of these strides.
    pub fn rules(&self, strides: &[usize]) -> RegionRules {
        let [training, measuring] = self.proposals.map(|[candidates, most]| DecodeRule {
            candidates,
            most,
            threshold: self.threshold,
            ..DecodeRule::proposals()
        });
        let [anchors, regions] = self.sampled;
        RegionRules {
            anchors: self.anchors.grid(strides),
            training,
            measuring,
            detections: DecodeRule::roi_heads(),
            proposal_sampler: BalancedSampler {
                size: anchors,
                ..BalancedSampler::proposals()
            },
            region_sampler: BalancedSampler {
                size: regions,
                ..BalancedSampler::roi_heads()
            },
        }
    }
}

impl AnchorSides {
    fn grid(self, strides: &[usize]) -> AnchorGrid {
        let sizes = |stride: &usize| match self {
            Self::OfStride(times) => vec![(stride * times) as f32],
            Self::All(sides) => sides.iter().map(|&side| side as f32).collect(),
        };
        let sizes: Vec<Vec<f32>> = strides.iter().map(sizes).collect();
        AnchorGrid::new(&sizes, &[0.5, 1.0, 2.0])
    }
}

#[cfg(test)]
mod tests {
    use potstill_detection::{AnchorGrid, BalancedSampler, DecodeRule};

    use super::TwoStageConfig;

    #[test]
    fn the_published_shape_is_torchvisions() {
        let rules = TwoStageConfig::FASTER.rules(&[4, 8, 16, 32, 64]);
        assert_eq!(rules.anchors, AnchorGrid::proposals());
        assert_eq!(rules.measuring, DecodeRule::proposals());
        assert_eq!(rules.proposal_sampler, BalancedSampler::proposals());
        assert_eq!(rules.region_sampler, BalancedSampler::roi_heads());
    }
}
