//! The cross-entropy of rows of softmaxes.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};

use crate::fast::fast_cross_entropy;

/// The mean over rows of `-log(softmax(scores)[label])`, without the rows whose label is `ignored`, as PyTorch's
/// `CrossEntropyLoss(weight=..., ignore_index=...)`: where classes have `weights`, each row counts as much as its label. 0 where no row
/// counts. A tensor with one element.
///
/// `scores` are `[R, K]`, `labels` `[R]`, `weights` K numbers. Every label but the ignored one must be one of the columns.
pub fn cross_entropy_of_rows(
    scores: Tensor<2>,
    labels: Tensor<1, Int>,
    ignored: i64,
    weights: Option<&[f64]>,
) -> Tensor<1> {
    if let Some(loss) = fast_cross_entropy(&scores, &labels, ignored, weights) {
        return loss;
    }
    let is_ignored = labels.clone().equal_elem(ignored);
    let labels = labels.mask_fill(is_ignored.clone(), 0);
    let mut counts = is_ignored.bool_not().float().cast(scores.dtype());
    if let Some(weights) = weights {
        let weights = TensorData::new(weights.to_vec(), [weights.len()]);
        let weights = Tensor::<1>::from_data(weights, &counts.device()).cast(scores.dtype());
        counts = counts * weights.gather(0, labels.clone());
    }
    let total = counts.clone().sum();
    // Where nothing counts the sum is 0 as well.
    let total = total.clone().mask_fill(total.equal_elem(0.0), 1.0);
    let true_class = log_softmax(scores, 1).gather(1, labels.unsqueeze_dim(1));
    -(true_class.squeeze_dim(1) * counts).sum() / total
}
