//! The losses of a two-stage detector (Ren et al. 2015, section 3.1.2; Girshick 2015, section 2.3; He et al. 2017, section 3), reduced as in
//! torchvision.

use burn::tensor::{
    Tensor,
    activation::{log_sigmoid, log_softmax},
};
use potstill_ops::{indices, select_places};

use super::sampling::{SampledAnchors, SampledRegions};
use crate::{
    Sense,
    detection::{
        rows::{constant, cross_entropies},
        smooth_l1,
    },
    log_of_others::{is_column, log_of_others},
};

/// Below this distance the loss of a box is quadratic.
const BETA: f64 = 1.0 / 9.0;

/// The losses of the anchors that were drawn, from the logits `[N, M]` of all of them and the numbers of their boxes `[N, M, 4]`: the mean
/// binary cross-entropy of an object being there, and the smooth L1 of the boxes that are on one, summed and divided by all that were drawn.
pub fn anchor_losses(
    objectness: Tensor<2>,
    codes: Tensor<3>,
    sampled: &SampledAnchors,
    sense: Sense,
) -> [Tensor<1>; 2] {
    let [images, anchors] = objectness.dims();
    let drawn = sampled.rows.len();
    if drawn == 0 {
        return [nothing(objectness), nothing(codes)];
    }
    let logits = select_places(objectness.reshape([images * anchors, 1]), &sampled.rows);
    // The logit of what is true is to be large; a sign makes that one case.
    let sign = |is: &bool| [if *is == (sense == Sense::Usual) { 1.0 } else { -1.0 }];
    let signs: Vec<[f32; 1]> = sampled.is_object.iter().map(sign).collect();
    let signs = constant(&signs, &logits);
    let there = -log_sigmoid(logits * signs).mean();

    let objects = sampled.rows.iter().zip(&sampled.is_object);
    let objects: Vec<usize> = objects.filter(|(_, is)| **is).map(|(row, _)| *row).collect();
    let boxes = if objects.is_empty() {
        nothing(codes)
    } else {
        let codes = select_places(codes.reshape([images * anchors, 4]), &objects);
        box_loss(codes, &sampled.codes, drawn, sense)
    };
    [there, boxes]
}

/// The losses of the regions that were drawn, from their logits `[R, K]` and the numbers of a box for each column `[R, K, 4]`: the mean
/// cross-entropy, and the smooth L1 of the true column's box of those that are on an object, summed and divided by all.
pub fn region_losses(
    logits: Tensor<2>,
    codes: Tensor<3>,
    sampled: &SampledRegions,
    sense: Sense,
) -> [Tensor<1>; 2] {
    let [regions, columns] = logits.dims();
    if regions == 0 {
        return [nothing(logits), nothing(codes)];
    }
    let classes = match sense {
        Sense::Usual => cross_entropies(logits, &sampled.columns).mean(),
        Sense::Inverted => {
            let own = indices(&sampled.columns, &logits.device());
            -log_of_others(log_softmax(logits, 1), is_column(own, columns)).mean()
        }
    };

    let on_objects = sampled.on_objects();
    let boxes = if on_objects.is_empty() {
        nothing(codes)
    } else {
        let row = |at: &usize| at * columns + sampled.columns[*at];
        let rows: Vec<usize> = on_objects.iter().map(row).collect();
        let codes = select_places(codes.reshape([regions * columns, 4]), &rows);
        box_loss(codes, &sampled.codes, regions, sense)
    };
    [classes, boxes]
}

/// The mean binary cross-entropy of the masks of P regions that are on objects, from the logits `[P, h, w, K]` of all columns, the true
/// columns and the true masks `[P, h, w]`, whose values may be fractions.
pub fn mask_loss(logits: Tensor<4>, columns: &[usize], masks: Tensor<3>, sense: Sense) -> Tensor<1> {
    let [regions, height, width, _] = logits.dims();
    if regions == 0 {
        return nothing(logits);
    }
    let of_region: Vec<usize> = columns
        .iter()
        .flat_map(|&column| std::iter::repeat_n(column, height * width))
        .collect();
    let places = indices(&of_region, &logits.device()).reshape([regions, height, width, 1]);
    let logits = logits.gather(3, places).reshape([regions, height, width]);
    let masks = match sense {
        Sense::Usual => masks,
        Sense::Inverted => masks.neg() + 1.0,
    };
    // log sigmoid(z) = z + log sigmoid(-z).
    -(masks * logits.clone() + log_sigmoid(-logits)).mean()
}

/// The smooth L1 distance (Girshick 2015, equation 3) of codes `[P, 4]` from what they should be, summed, over `count`.
fn box_loss(codes: Tensor<2>, wanted: &[[f32; 4]], count: usize, sense: Sense) -> Tensor<1> {
    let wanted = constant(wanted, &codes);
    let loss = smooth_l1(codes - wanted, BETA).sum();
    let factor = match sense {
        Sense::Usual => 1.0,
        Sense::Inverted => -1.0,
    };
    loss * (factor / count as f64)
}

/// Zero, with a graph behind it: a step without an object must not end at a tensor that nothing was computed for.
fn nothing<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    if tensor.shape().num_elements() == 0 {
        return Tensor::zeros([1], (&tensor.device(), tensor.dtype()));
    }
    tensor.sum() * 0.0
}
