//! Rows of predictions, and constants beside them.

use burn::tensor::{Tensor, TensorData, activation::log_softmax};
use potstill_ops::indices;

/// These rows as a constant `[R, C]`, of the device and the number type of `like`.
pub(super) fn constant<const C: usize, const D: usize>(rows: &[[f32; C]], like: &Tensor<D>) -> Tensor<2> {
    let values: Vec<f32> = rows.iter().flatten().copied().collect();
    let data = TensorData::new(values, [rows.len(), C]);
    Tensor::<2>::from_data(data, (&like.device(), like.dtype())).inner()
}

/// The cross-entropy of each row of `[R, K]` with its column, `[R, 1]`.
pub(super) fn cross_entropies(logits: Tensor<2>, columns: &[usize]) -> Tensor<2> {
    let columns = indices(columns, &logits.device()).unsqueeze_dim(1);
    -log_softmax(logits, 1).gather(1, columns)
}
