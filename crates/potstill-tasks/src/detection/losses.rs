//! The loss terms of each kind of detector.

use burn::tensor::Tensor;
use potstill_models::{CellDetections, DefaultBoxDetections, DenseDetections, DenseLearning, Detections};

use super::{
    default_box_loss::default_box_losses,
    dense_loss::{AnchorOutputs, fcos_losses_of, retinanet_losses_of},
    objects::ObjectTargets,
    one_scale_loss::{ONE_SCALE_WEIGHTS, one_scale_losses},
    regions,
};
use crate::{LossTerm, Sense, TaskError, TermContext};

/// The terms of what a detector gives for these images.
///
/// # Errors
/// [`TaskError::NotInverted`] for a kind of detector whose losses point one way only.
pub(crate) fn terms(
    detections: &Detections,
    targets: &ObjectTargets,
    context: &TermContext<'_>,
) -> Result<Vec<LossTerm>, TaskError> {
    match detections {
        Detections::Dense(dense) => Ok(of_dense(dense, targets, context.sense)),
        Detections::Regions(found) => Ok(regions::terms(found, targets, context)),
        _ if context.sense == Sense::Inverted => Err(TaskError::NotInverted),
        Detections::Cells(cells) => Ok(of_cells(cells, targets)),
        Detections::DefaultBoxes(boxes) => Ok(of_default_boxes(boxes, targets)),
        Detections::Places(_) => Err(TaskError::Places),
    }
}

/// The terms of RetinaNet, or of FCOS.
fn of_dense(dense: &DenseDetections, targets: &ObjectTargets, sense: Sense) -> Vec<LossTerm> {
    let outputs = AnchorOutputs {
        logits: dense.logits(),
        codes: dense.codes(),
        centerness: dense.centerness(),
    };
    let anchors = dense.anchors();
    match dense.rules.learning {
        DenseLearning::Overlap(matcher, loss) => {
            let how = (matcher, dense.rules.coding, loss);
            let [classes, boxes] = retinanet_losses_of(sense, outputs, &anchors, &targets.images, how);
            named(["classes", "boxes"], [classes, boxes])
        }
        DenseLearning::Points(matcher) => {
            let levels = dense.anchors_of_levels();
            let losses = fcos_losses_of(sense, outputs, (&anchors, &levels), &targets.images, matcher);
            named(["classes", "boxes", "centerness"], losses)
        }
    }
}

/// The terms of FastestDet.
fn of_cells(detections: &CellDetections, targets: &ObjectTargets) -> Vec<LossTerm> {
    let losses = one_scale_losses(&detections.cells, &targets.images, detections.size);
    let terms = named(["boxes", "objectness", "classes"], losses).into_iter();
    terms
        .zip(ONE_SCALE_WEIGHTS)
        .map(|(term, weight)| term.scaled(weight))
        .collect()
}

/// The terms of SSD.
fn of_default_boxes(detections: &DefaultBoxDetections, targets: &ObjectTargets) -> Vec<LossTerm> {
    let outputs = (detections.logits(), detections.codes());
    let losses = default_box_losses(outputs.0, outputs.1, &detections.default_boxes(), &targets.images);
    named(["classes", "boxes"], losses)
}

fn named<const N: usize>(names: [&str; N], losses: [Tensor<1>; N]) -> Vec<LossTerm> {
    let pairs = names.into_iter().zip(losses);
    pairs.map(|(name, loss)| LossTerm::loss(name, loss)).collect()
}
