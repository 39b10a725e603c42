//! From logits to the class of every pixel, in the size of an image's file.

use burn::tensor::Tensor;
use potstill_data::{Batch, LabelMap};
use potstill_ops::resize_bilinear;

/// The logits `[1, H, W, K]` of an image of a batch, from those of the padded batch, `[N, H, W, K]`: without the padding, in the size of
/// the image's file where the batch knows it.
pub(super) fn logits_of(full: &Tensor<4>, batch: &Batch, image: usize) -> Tensor<4> {
    let [height, width] = batch.valid[image];
    let own = full.clone().narrow(0, image, 1);
    let own = own.narrow(1, 0, height).narrow(2, 0, width);
    match batch.truth.get(image) {
        Some(truth) if truth.size != [height, width] => resize_bilinear(own, truth.size),
        _ => own,
    }
}

/// The columns of a network's logits that are classes of the images. A network may have one more for pixels that are nothing. All columns
/// where nothing says how many classes there are.
pub(super) fn columns(logits: usize, classes: usize) -> usize {
    match classes {
        0 => logits,
        classes => logits.min(classes),
    }
}

/// The class with the largest logit, the first of equals, at every place of `[1, H, W, K]`; no label where that is none of the classes.
pub(super) fn class_map(logits: Tensor<4>, classes: usize) -> LabelMap {
    let [_, height, width, all] = logits.dims();
    let columns = columns(all, classes);
    let logits: Vec<f32> = logits.into_data().iter().collect();
    let rows = logits.chunks_exact(all.max(1));
    let label = |told: usize| u8::try_from(told).ok().filter(|_| told < columns);
    let labels = rows.map(|row| label(largest(row)).unwrap_or(LabelMap::IGNORE));
    LabelMap {
        height,
        width,
        labels: labels.collect(),
    }
}

/// The first place of the largest value.
pub(super) fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}
