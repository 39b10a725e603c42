//! What two-stage detectors learn: Faster R-CNN (Ren et al. 2015) and Mask R-CNN (He et al. 2017).
//!
//! A step draws anchors for the loss of the proposals, and of what was proposed regions for the losses of the heads, both by what is true of
//! the images. The heads run on those regions only.

mod losses;
mod mask_targets;
mod rows;
mod sampling;

use burn::tensor::Tensor;
use potstill_detection::Corners;
use potstill_models::RegionDetections;
use potstill_ops::Pass;

pub use losses::{anchor_losses, mask_loss, region_losses};
pub use mask_targets::mask_targets;
pub(super) use rows::rows;
pub use sampling::{SampledAnchors, SampledRegions, sample_anchors, sample_regions};

use super::ObjectTargets;
use crate::{LossTerm, Sense, TermContext};

/// The terms of what a two-stage detector gives for these images: `objectness` and `rpn_boxes` of its proposals, `classes` and `boxes` of its
/// heads, and `masks` if it outlines objects and their outlines are known.
pub(super) fn terms(
    regions: &RegionDetections,
    targets: &ObjectTargets,
    context: &TermContext<'_>,
) -> Vec<LossTerm> {
    let sense = context.sense;
    let anchors = regions.anchors();
    let sampled = sample_anchors(
        &anchors,
        &targets.images,
        &regions.rules.proposal_sampler,
        context,
    );
    let (objectness, codes) = regions.of_anchors();
    let [objectness, rpn_boxes] = anchor_losses(objectness, codes, &sampled, sense);

    let sampled = sampled_regions(regions, targets, context);
    let mut pass = Pass::new(regions.mode);
    let said = regions.look(&sampled.boxes, &mut pass);
    let [classes, boxes] = region_losses(said.logits, said.codes, &sampled, sense);
    let mut terms = vec![
        LossTerm::loss("objectness", objectness),
        LossTerm::loss("rpn_boxes", rpn_boxes),
        LossTerm::loss("classes", classes),
        LossTerm::loss("boxes", boxes),
    ];
    if regions.heads.has_masks() && targets.have_outlines() {
        let masks = masks_term(regions, targets, &sampled, sense, &mut pass);
        terms.extend(masks.map(|masks| LossTerm::loss("masks", masks)));
    }
    regions.late.add(pass);
    terms
}

/// The regions of a batch that a step learns from: of the best proposals and the boxes of the objects.
pub fn sampled_regions(
    regions: &RegionDetections,
    targets: &ObjectTargets,
    context: &TermContext<'_>,
) -> SampledRegions {
    let proposals = regions.proposals(&targets.valid, &regions.rules.training);
    sample_regions(proposals, &targets.images, &regions.rules.region_sampler, context)
}

/// The loss of the masks of the regions that are on objects; zero of none.
fn masks_term(
    regions: &RegionDetections,
    targets: &ObjectTargets,
    sampled: &SampledRegions,
    sense: Sense,
    pass: &mut Pass<'_>,
) -> Option<Tensor<1>> {
    let on_objects = sampled.boxes_on_objects();
    let corners = |regions: &Vec<(Corners, usize)>| regions.iter().map(|(corners, _)| *corners).collect();
    let boxes: Vec<Vec<Corners>> = on_objects.iter().map(corners).collect();
    if boxes.iter().all(Vec::is_empty) {
        return regions.maps.first().map(|map| map.clone().sum() * 0.0);
    }
    let logits = regions.heads.outline(&regions.maps, &boxes, pass)?;
    let [_, side, _, _] = logits.dims();
    let masks = mask_targets(targets, &on_objects, side, &logits.device());
    let columns = sampled.columns.iter().copied().filter(|column| *column > 0);
    Some(mask_loss(logits, &columns.collect::<Vec<_>>(), masks, sense))
}
