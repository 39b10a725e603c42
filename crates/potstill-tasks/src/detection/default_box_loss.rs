//! The losses of SSD.

use burn::tensor::Tensor;
use potstill_detection::{BoxCoder, Corners, match_default_boxes, overlap};
use potstill_ops::select_places;

use super::{
    objects::ImageObjects,
    rows::{constant, cross_entropies},
    smooth_l1::smooth_l1,
};

/// Boxes of the background that take part for each box of an object.
const NEGATIVES: usize = 3;

/// The losses of SSD (Liu et al. 2016) of logits `[N, B, 1 + K]`, the first column the background, and of codes `[N, B, 4]` at the default boxes: of
/// the classes the cross-entropy of the boxes that learn an object and of the worst three times as many others of the same image, of the
/// boxes the smooth L1 loss of the codes. Both are summed and divided by the number of boxes of objects in the batch.
pub fn default_box_losses(
    logits: Tensor<3>,
    codes: Tensor<3>,
    default_boxes: &[Corners],
    objects: &[ImageObjects],
) -> [Tensor<1>; 2] {
    let count = default_boxes.len();
    let (mut columns, mut rows, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for (image, own) in objects.iter().enumerate() {
        let of = |object: usize, at: usize| overlap(own.boxes[object], default_boxes[at]);
        for (at, one) in match_default_boxes(own.boxes.len(), count, of)
            .into_iter()
            .enumerate()
        {
            columns.push(one.object().map_or(0, |object| own.classes[object] + 1));
            if let Some(object) = one.object() {
                rows.push(image * count + at);
                wanted.push(BoxCoder::weighted().encode(own.boxes[object], default_boxes[at]));
            }
        }
    }
    let positives = rows.len().max(1) as f64;
    let entropy = cross_entropies(logits.flatten(0, 1), &columns);
    let taken = with_hard_negatives(&entropy, &columns, count);
    let classification = select_places(entropy, &taken).sum() / positives;
    let codes = select_places(codes.flatten(0, 1), &rows);
    let wanted = constant(&wanted, &codes);
    let boxes = smooth_l1(codes - wanted, 1.0).sum() / positives;
    [classification, boxes]
}

/// The rows of objects, and of each image of `count` rows the worst of the others.
fn with_hard_negatives(entropy: &Tensor<2>, columns: &[usize], count: usize) -> Vec<usize> {
    let losses: Vec<f64> = entropy.clone().inner().into_data().iter().collect();
    let mut taken = Vec::new();
    for start in (0..columns.len()).step_by(count.max(1)) {
        let own = start..(start + count).min(columns.len());
        let (positives, mut negatives): (Vec<usize>, Vec<usize>) = own.partition(|row| columns[*row] > 0);
        negatives.sort_by(|a, b| losses[*b].total_cmp(&losses[*a]));
        negatives.truncate(NEGATIVES * positives.len());
        taken.extend(positives.into_iter().chain(negatives));
    }
    taken
}
