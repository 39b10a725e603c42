//! The losses of detectors that look at every anchor of a pyramid: RetinaNet and FCOS, as torchvision reduces them.

use burn::tensor::{Tensor, activation::log_sigmoid};
use potstill_detection::{
    BoxCoding, BoxLoss, Corners, DistanceCoder, Match, Matcher, OverlapLoss, PointMatcher,
};
use potstill_ops::focal_loss;

use super::{
    decoded::decoded_corners,
    objects::ImageObjects,
    overlap_loss::overlap_losses,
    rows::{constant, selected},
};

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
    let classification = focal_loss(outputs.logits.flatten(0, 1), &columns, &weights);
    let codes = selected(outputs.codes.flatten(0, 1), &positives.rows);
    let boxes = box_losses(loss, codes, coding, &positives.anchors, &positives.objects);
    let weights = constant(&positives.weights, &boxes);
    [classification, (boxes * weights).sum()]
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
    let classification = focal_loss(outputs.logits.flatten(0, 1), &columns, &weights);
    let codes = selected(outputs.codes.flatten(0, 1), &positives.rows);
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
        Some(logits) => centerness_loss(selected(logits.flatten(0, 1), &positives.rows), &positives) / count,
        None => boxes.clone() * 0.0,
    };
    [classification, boxes, centerness]
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
