//! Gradients against central differences.

use std::ops::RangeInclusive;

use burn::tensor::Tensor;

use crate::numbers::{number, tensor, values};

/// Numbers between `range`, the same for the same seed: inputs of checks that no record has.
pub fn drawn(count: usize, seed: usize, range: RangeInclusive<f64>) -> Vec<f64> {
    let (low, high) = (*range.start(), *range.end());
    let value = |i: usize| {
        let i = (i + 17 * seed) as f64;
        low + (high - low) * (0.5 + 0.5 * (1.7 * i + 0.013 * i * i).sin())
    };
    (0..count).map(value).collect()
}

/// Fails if the gradient of a function of numbers is not what central differences say.
#[track_caller]
pub fn assert_differences(what: &str, at: &[f64], function: impl Fn(Tensor<1>) -> Tensor<1>, tolerance: f64) {
    let leaf = |numbers: &[f64]| tensor([numbers.len()], |i| numbers[i]).autodiff().require_grad();
    let own = leaf(at);
    let gradient = values(&own.grad(&function(own.clone()).backward()).unwrap());
    let step = 1e-5;
    let value = |moved: usize, by: f64| {
        let mut moved_to = at.to_vec();
        moved_to[moved] += by;
        // Without a graph, which nothing would free.
        number(&function(tensor([moved_to.len()], |i| moved_to[i])))
    };
    let by_differences: Vec<f64> = (0..at.len())
        .map(|i| (value(i, step) - value(i, -step)) / (2.0 * step))
        .collect();
    let largest = by_differences
        .iter()
        .fold(1e-3, |largest: f64, value| largest.max(value.abs()));
    for (i, (found, wanted)) in gradient.iter().zip(&by_differences).enumerate() {
        assert!(
            (found - wanted).abs() <= tolerance * largest,
            "{what}, number {i}: {found} is not {wanted}"
        );
    }
}
