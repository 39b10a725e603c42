//! The cross-entropy of every pixel that has a label.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};
use potstill_data::LabelMap;
use potstill_ops::cross_entropy_of_rows;

use crate::log_of_others::{is_column, log_of_others};

/// Mean cross-entropy over the pixels whose label is not [`LabelMap::IGNORE`], of logits `[N, H, W, K]` with labels `[N, H, W]`; 0 where
/// no pixel counts. The target gives `smoothing / K` to every class. Where classes have `weights`, the mean is weighted by those of the
/// labels, as PyTorch's `CrossEntropyLoss(weight=...)`. A tensor with one element.
pub fn pixel_cross_entropy(
    logits: Tensor<4>,
    labels: Tensor<3, Int>,
    smoothing: f64,
    weights: Option<&[f64]>,
) -> Tensor<1> {
    let [images, height, width, classes] = logits.dims();
    let rows = images * height * width;
    let labels = labels.reshape([rows]);
    let scores = logits.reshape([rows, classes]);
    let ignore = i64::from(LabelMap::IGNORE);
    let loss = cross_entropy_of_rows(scores.clone(), labels.clone(), ignore, weights);
    if smoothing == 0.0 {
        return loss;
    }
    let ignored = labels.clone().equal_elem(ignore);
    let pixels = ignored.clone().bool_not().float().cast(scores.dtype());
    let (mut all, mut counts) = (log_softmax(scores, 1), pixels.clone());
    if let Some(weights) = weights {
        let weights = TensorData::new(weights.to_vec(), [classes]);
        let weights = Tensor::<1>::from_data(weights, &counts.device()).cast(counts.dtype());
        counts = counts * weights.clone().gather(0, labels.mask_fill(ignored, 0));
        all = all * weights.unsqueeze_dim(0);
    }
    let total = counts.sum();
    // Where nothing counts the sum below is 0 as well.
    let total = total.clone().mask_fill(total.equal_elem(0.0), 1.0);
    let all = (all.sum_dim(1).squeeze_dim(1) * pixels).sum() / total;
    loss * (1.0 - smoothing) - all * (smoothing / classes as f64)
}

/// `-log(1 - p)` of the probability of the label's class, summed over the pixels that have a label and divided by the number of all scores of all
/// pixels: what TST's program has, where the loss is a mean over one-hot maps. A tensor with one element.
pub fn inverted_pixel_cross_entropy(logits: Tensor<4>, labels: Tensor<3, Int>) -> Tensor<1> {
    let [images, height, width, classes] = logits.dims();
    let rows = images * height * width;
    let labels = labels.reshape([rows]);
    let ignored = labels.clone().equal_elem(i64::from(LabelMap::IGNORE));
    let labels = labels.mask_fill(ignored.clone(), 0);
    let log = log_softmax(logits.reshape([rows, classes]), 1);
    let left = log_of_others(log, is_column(labels, classes));
    let left = left.squeeze_dim::<1>(1).mask_fill(ignored, 0.0);
    -left.sum() / (rows * classes).max(1) as f64
}
