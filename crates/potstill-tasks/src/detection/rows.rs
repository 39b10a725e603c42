//! Rows of predictions, and constants beside them.

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};

/// These rows as a constant `[R, C]`, of the device and the number type of `like`.
pub(super) fn constant<const C: usize, const D: usize>(rows: &[[f32; C]], like: &Tensor<D>) -> Tensor<2> {
    let values: Vec<f32> = rows.iter().flatten().copied().collect();
    let data = TensorData::new(values, [rows.len(), C]);
    Tensor::<2>::from_data(data, (&like.device(), like.dtype())).inner()
}

/// These numbers as a tensor.
pub(super) fn indices(of: &[usize], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = of.iter().map(|&index| index as i32).collect();
    Tensor::from_data(TensorData::new(numbers, [of.len()]), device)
}

/// The rows of `[R, C]` at these places.
pub(super) fn selected(rows: Tensor<2>, places: &[usize]) -> Tensor<2> {
    let places = indices(places, &rows.device());
    rows.select(0, places)
}

/// The cross-entropy of each row of `[R, K]` with its column, `[R, 1]`.
pub(super) fn cross_entropies(logits: Tensor<2>, columns: &[usize]) -> Tensor<2> {
    let columns = indices(columns, &logits.device()).unsqueeze_dim(1);
    -log_softmax(logits, 1).gather(1, columns)
}
