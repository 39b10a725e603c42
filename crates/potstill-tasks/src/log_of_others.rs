//! What the classes that are not true have together.

use burn::tensor::{Int, Tensor, activation::log_softmax};

/// A logarithm that adds nothing to a sum of exponentials.
const LEFT_OUT: f64 = -1e9;

/// `log(1 - p)` of the probability of each row's column, `[R, 1]`, of logits `[R, K]` with columns `[R]`: the logarithm of what the other
/// columns have together, which stays exact where p is near 1.
pub(crate) fn log_of_others(logits: Tensor<2>, columns: Tensor<1, Int>) -> Tensor<2> {
    let [rows, count] = logits.dims();
    let every = Tensor::<1, Int>::arange(0..count as i64, &columns.device());
    let is_own = every
        .unsqueeze_dim::<2>(0)
        .expand([rows, count])
        .equal(columns.unsqueeze_dim::<2>(1).expand([rows, count]));
    let others = log_softmax(logits, 1).mask_fill(is_own, LEFT_OUT);
    let largest = others.clone().detach().max_dim(1);
    (others - largest.clone()).exp().sum_dim(1).log() + largest
}
