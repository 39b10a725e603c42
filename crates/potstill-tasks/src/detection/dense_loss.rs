//! The losses of detectors that look at every anchor of a pyramid: RetinaNet and FCOS, as torchvision reduces them.

use burn::tensor::{Tensor, activation::log_sigmoid};
use potstill_detection::{
    BoxCoding, BoxLoss, Corners, DistanceCoder, Match, Matcher, OverlapLoss, PointMatcher,
};
use potstill_ops::{focal_loss, inverted_focal_loss, select_places};

use super::{decoded::decoded_corners, objects::ImageObjects, overlap_loss::overlap_losses, rows::constant};
use crate::Sense;

/// What the heads say of every anchor of N images.
#[derive(Debug, Clone)]
pub struct AnchorOutputs {
    /// Logits of the classes, `[N, A, K]`.
    pub logits: Tensor<3>,
    /// The numbers that mean a box, `[N, A, 4]`.
    pub codes: Tensor<3>,
    /// Logits of the centre-ness, `[N, A, 1]`, where the detector has one.
    pub centerness: Option<Tensor<3>>,
}

/// Of each row: what the codes `[R, 4]` at these anchors pay for their objects. `[R, 1]`.
fn box_losses(
    loss: BoxLoss,
    codes: Tensor<2>,
    coding: BoxCoding,
    anchors: &[Corners],
    objects: &[Corners],
) -> Tensor<2> {
    match loss {
        BoxLoss::L1 => {
            let pairs = objects.iter().zip(anchors);
            let wanted: Vec<[f32; 4]> = pairs
                .map(|(object, anchor)| coding.encode(*object, *anchor))
                .collect();
            let wanted = constant(&wanted, &codes);
            (codes - wanted).abs().sum_dim(1)
        }
        BoxLoss::Overlap(kind) => {
            let wanted = constant(objects, &codes);
            overlap_losses(kind, &decoded_corners(&codes, coding, anchors), &wanted)
        }
    }
}

/// The anchors of all images that learn an object, in order.
#[derive(Debug, Default)]
struct Positives {
    /// Their rows among `N * A`.
    rows: Vec<usize>,
    anchors: Vec<Corners>,
    objects: Vec<Corners>,
    /// What each counts.
    weights: Vec<[f32; 1]>,
}

impl Positives {
    fn add(&mut self, row: usize, anchor: Corners, object: Corners, weight: f64) {
        self.rows.push(row);
        self.anchors.push(anchor);
        self.objects.push(object);
        self.weights.push([weight as f32]);
    }
}

/// The losses of RetinaNet (Lin et al. 2017): of the classes the focal loss of every anchor that is not ignored, of the boxes `loss` of the
/// anchors that learn an object. Both are summed, divided by the number of those anchors in the image, and averaged over the images.
/// Images without objects are all background.
pub fn retinanet_losses(
    outputs: AnchorOutputs,
    anchors: &[Corners],
    objects: &[ImageObjects],
    how: (Matcher, BoxCoding, BoxLoss),
) -> [Tensor<1>; 2] {
    retinanet_losses_of(Sense::Usual, outputs, anchors, objects, how)
}

/// The same, pointing either way. Inverted, the losses of the boxes change their signs, and the focal loss is [that of the opposite](inverted_focal_loss).
pub fn retinanet_losses_of(
    sense: Sense,
    outputs: AnchorOutputs,
    anchors: &[Corners],
    objects: &[ImageObjects],
    (matcher, coding, loss): (Matcher, BoxCoding, BoxLoss),
) -> [Tensor<1>; 2] {
    let images = objects.len().max(1) as f64;
    let (mut columns, mut weights, mut positives) = (Vec::new(), Vec::new(), Positives::default());
    for (image, own) in objects.iter().enumerate() {
        let matches = matcher.matches(&own.boxes, anchors);
        let count = matches.iter().filter(|one| one.object().is_some()).count();
        let weight = 1.0 / (count.max(1) as f64 * images);
        for (at, one) in matches.into_iter().enumerate() {
            columns.push(one.object().map(|object| own.classes[object]));
            weights.push(if one == Match::Ignored { 0.0 } else { weight });
            if let Match::Object(object) = one {
                positives.add(image * anchors.len() + at, anchors[at], own.boxes[object], weight);
            }
        }
    }
    let classification = classes_loss(sense, outputs.logits, &columns, &weights);
    let codes = select_places(outputs.codes.flatten(0, 1), &positives.rows);
    let boxes = box_losses(loss, codes, coding, &positives.anchors, &positives.objects);
    let weights = constant(&positives.weights, &boxes);
    [classification, signed(sense, (boxes * weights).sum())]
}

/// The losses of FCOS (Tian et al. 2019): the focal loss of the classes at every place, GIoU of the boxes and the binary cross-entropy of the centre-ness at
/// places that learn an object; each summed and divided by the number of those places in the batch. `levels` are the places of each
/// level.
pub fn fcos_losses(
    outputs: AnchorOutputs,
    (anchors, levels): (&[Corners], &[usize]),
    objects: &[ImageObjects],
    matcher: PointMatcher,
) -> [Tensor<1>; 3] {
    fcos_losses_of(Sense::Usual, outputs, (anchors, levels), objects, matcher)
}

/// The same, pointing either way. Inverted, the losses of the boxes change their signs, the focal loss is [that of the
/// opposite](inverted_focal_loss), and so is the cross-entropy of the centre-ness.
pub fn fcos_losses_of(
    sense: Sense,
    outputs: AnchorOutputs,
    (anchors, levels): (&[Corners], &[usize]),
    objects: &[ImageObjects],
    matcher: PointMatcher,
) -> [Tensor<1>; 3] {
    let mut columns = Vec::new();
    let mut positives = Positives::default();
    for (image, own) in objects.iter().enumerate() {
        for (at, one) in matcher
            .matches(&own.boxes, anchors, levels)
            .into_iter()
            .enumerate()
        {
            columns.push(one.map(|object| own.classes[object]));
            if let Some(object) = one {
                positives.add(image * anchors.len() + at, anchors[at], own.boxes[object], 1.0);
            }
        }
    }
    let count = positives.rows.len().max(1) as f64;
    let weights = vec![1.0 / count; columns.len()];
    let classification = classes_loss(sense, outputs.logits, &columns, &weights);
    let codes = select_places(outputs.codes.flatten(0, 1), &positives.rows);
    let loss = BoxLoss::Overlap(OverlapLoss::Generalized);
    let boxes = box_losses(
        loss,
        codes,
        BoxCoding::Distances,
        &positives.anchors,
        &positives.objects,
    )
    .sum()
        / count;
    let centerness = match outputs.centerness {
        Some(logits) => {
            let logits = select_places(logits.flatten(0, 1), &positives.rows);
            centerness_loss(opposite(sense, logits), &positives) / count
        }
        None => boxes.clone() * 0.0,
    };
    [classification, signed(sense, boxes), centerness]
}

/// The focal loss of the classes, `[N, A, K]`. Inverted it is the plain mean over all scores of rows that count.
fn classes_loss(sense: Sense, logits: Tensor<3>, columns: &[Option<usize>], weights: &[f64]) -> Tensor<1> {
    let classes = logits.dims()[2];
    let logits = logits.flatten(0, 1);
    if sense == Sense::Usual {
        return focal_loss(logits, columns, weights);
    }
    let counts = weights.iter().filter(|weight| **weight > 0.0).count() * classes;
    let share = 1.0 / counts.max(1) as f64;
    let weights: Vec<f64> = weights
        .iter()
        .map(|weight| if *weight > 0.0 { share } else { 0.0 })
        .collect();
    inverted_focal_loss(logits, columns, &weights)
}

fn signed(sense: Sense, loss: Tensor<1>) -> Tensor<1> {
    match sense {
        Sense::Usual => loss,
        Sense::Inverted => -loss,
    }
}

/// Logits of the opposite: a cross-entropy of them points the other way.
fn opposite(sense: Sense, logits: Tensor<2>) -> Tensor<2> {
    match sense {
        Sense::Usual => logits,
        Sense::Inverted => -logits,
    }
}

/// The binary cross-entropy of logits `[R, 1]` with the centre-ness of each place in its object, summed.
fn centerness_loss(logits: Tensor<2>, positives: &Positives) -> Tensor<1> {
    let pairs = positives.objects.iter().zip(&positives.anchors);
    let wanted: Vec<[f32; 1]> = pairs
        .map(|(object, anchor)| [DistanceCoder.centerness(DistanceCoder.encode(*object, *anchor))])
        .collect();
    let wanted = constant(&wanted, &logits);
    // log sigmoid(z) = z + log sigmoid(-z).
    -(wanted * logits.clone() + log_sigmoid(-logits)).sum()
}
