//! What the classes that are not true have together.

use burn::tensor::{Bool, Int, Tensor};

/// A logarithm that adds nothing to a sum of exponentials.
const LEFT_OUT: f64 = -1e9;

/// Where each row's column is, `[R, K]`, of columns `[R]` below `count`.
pub fn is_column(columns: Tensor<1, Int>, count: usize) -> Tensor<2, Bool> {
    let [rows] = columns.dims();
    let every = Tensor::<1, Int>::arange(0..count as i64, &columns.device());
    every
        .unsqueeze_dim::<2>(0)
        .expand([rows, count])
        .equal(columns.unsqueeze_dim::<2>(1).expand([rows, count]))
}

/// Logarithms or logits `[R, K]` with what is marked, as the column of each row by [`is_column`], left out: a softmax gives it nothing.
pub fn without_column(logits: Tensor<2>, is_left_out: Tensor<2, Bool>) -> Tensor<2> {
    logits.mask_fill(is_left_out, LEFT_OUT)
}

/// `log(1 - p)` of the probability of the column of each row that [`is_column`] marks, `[R, 1]`, of the logarithms of all probabilities
/// `[R, K]`: the logarithm of what the other columns have together, which stays exact where p is near 1.
pub fn log_of_others(log_probabilities: Tensor<2>, is_own: Tensor<2, Bool>) -> Tensor<2> {
    let others = without_column(log_probabilities, is_own);
    let largest = others.clone().detach().max_dim(1);
    (others - largest.clone()).exp().sum_dim(1).log() + largest
}
