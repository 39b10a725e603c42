//! Rows of predictions, and constants beside them.

use burn::tensor::{Int, Tensor, TensorData};

/// These rows as a constant `[R, C]`, of the device and the number type of `like`.
pub(super) fn constant<const C: usize, const D: usize>(rows: &[[f32; C]], like: &Tensor<D>) -> Tensor<2> {
    let values: Vec<f32> = rows.iter().flatten().copied().collect();
    let data = TensorData::new(values, [rows.len(), C]);
    Tensor::<2>::from_data(data, (&like.device(), like.dtype())).inner()
}

/// The rows of `[R, C]` at these places.
pub(super) fn selected(rows: Tensor<2>, places: &[usize]) -> Tensor<2> {
    let indices: Vec<i32> = places.iter().map(|&place| place as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [places.len()]), &rows.device());
    rows.select(0, indices)
}
