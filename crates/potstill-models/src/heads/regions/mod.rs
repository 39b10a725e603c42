//! The heads of two-stage detectors: one proposes regions on every level of a pyramid, the others look at regions.

mod box_head;
mod config;
mod mask_head;
mod region_heads;
mod rpn;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Pass, Scope};

pub(crate) use config::TwoStageConfig;
pub use region_heads::{RegionHeads, SaidOfRegions};
pub use rpn::Proposed;
use rpn::Rpn;

use super::Pyramid;
use crate::detections::{LatePass, RegionDetections, RegionRules};

/// Both stages, as torchvision's `FasterRCNN` and `MaskRCNN` have them: `rpn` and `roi_heads`.
#[derive(Module, Debug)]
pub(crate) struct TwoStageHead {
    rpn: Rpn,
    roi_heads: RegionHeads,
    #[module(skip)]
    rules: RegionRules,
}

impl TwoStageHead {
    /// For so many classes; there is one column more, for the background.
    pub fn new(config: &TwoStageConfig, pyramid: &Pyramid, classes: usize, scope: &Scope) -> Self {
        let depth = if config.second_generation { 2 } else { 1 };
        let rules = config.rules(&pyramid.all_strides());
        let anchors = rules.anchors.per_place(0);
        Self {
            rpn: Rpn::new(pyramid.channels, anchors, depth, &scope.at("rpn")),
            roi_heads: RegionHeads::new(config, pyramid, classes + 1, &scope.at("roi_heads")),
            rules,
        }
    }

    /// How what it says is read.
    pub fn rules(&self) -> &RegionRules {
        &self.rules
    }

    /// What there is to say of a pyramid `[N, H_l, W_l, C]`, fine to coarse, of images of this padded size `[H, W]`, before a region is
    /// looked at.
    pub fn forward(&self, maps: Vec<Tensor<4>>, size: [usize; 2], pass: &mut Pass<'_>) -> RegionDetections {
        let proposed = pass.within("rpn", |pass| self.rpn.forward(&maps, pass));
        RegionDetections {
            maps,
            proposed,
            heads: self.roi_heads.clone(),
            rules: self.rules.clone(),
            size,
            mode: pass.mode(),
            late: LatePass::default(),
        }
    }
}
