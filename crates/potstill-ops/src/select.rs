//! The rows, images or maps at given places.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// These numbers as a tensor of indices, `[R]`.
pub fn indices(of: &[usize], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = of.iter().map(|&index| index as i32).collect();
    Tensor::from_data(TensorData::new(numbers, [of.len()]), device)
}

/// What a tensor `[N, ...]` has at these places of its first dimension, in their order: `[R, ...]`. Gradients go back to them.
#[must_use]
pub fn select_places<const D: usize>(tensor: Tensor<D>, places: &[usize]) -> Tensor<D> {
    let places = indices(places, &tensor.device());
    tensor.select(0, places)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::select_places;

    #[test]
    fn places_may_come_in_any_order_and_twice() {
        let rows = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::flex());
        let chosen = |places: &[usize]| -> Vec<f32> {
            let chosen = select_places(rows.clone(), places);
            assert_eq!(chosen.dims(), [places.len(), 2]);
            chosen.into_data().iter().collect()
        };
        assert_eq!(chosen(&[2, 0, 2]), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
    }
}
