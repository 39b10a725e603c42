//! The cross-entropy of rows of softmaxes.

use burn::tensor::{Int, Tensor, activation::log_softmax};

use crate::fast::fast_cross_entropy;

/// The sum over rows of `weights[row] * -log(softmax(scores)[labels[row]])`, a tensor with one element.
///
/// `scores` are `[R, K]`, `labels` and `weights` `[R]`. A row of weight 0 takes no part; its label must still be one of the columns.
pub fn cross_entropy_of_rows(scores: Tensor<2>, labels: Tensor<1, Int>, weights: Tensor<1>) -> Tensor<1> {
    if let Some(loss) = fast_cross_entropy(&scores, &labels, &weights) {
        return loss;
    }
    let true_class = log_softmax(scores, 1).gather(1, labels.unsqueeze_dim(1));
    -(true_class.squeeze_dim(1) * weights).sum()
}
