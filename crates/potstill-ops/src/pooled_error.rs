//! The squared error of two maps at several scales.

use burn::tensor::Tensor;

use crate::{adaptive_avg_pool, fast::pooled_error};

/// `weight` times the mean squared error of two maps `[N, H, W, C]`, plus that of their average poolings to `s x s` for each
/// `(s, weight)` of `poolings`. A tensor with one element.
pub fn pooled_squared_error(
    map: Tensor<4>,
    target: Tensor<4>,
    weight: f64,
    poolings: &[(usize, f64)],
) -> Tensor<1> {
    if let Some(error) = pooled_error(&map, &target, weight, poolings) {
        return error;
    }
    let pooled = poolings.iter().map(|&(size, weight)| {
        let [map, target] = [&map, &target].map(|map| adaptive_avg_pool(map.clone(), [size; 2]));
        mean_squared_error(map, target) * weight
    });
    let pooled: Vec<_> = pooled.collect();
    pooled
        .into_iter()
        .fold(mean_squared_error(map, target) * weight, |sum, error| sum + error)
}

fn mean_squared_error(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).powi_scalar(2).mean()
}
