//! The cross-entropy of one class per image: as a loss, and as a measurement.

use burn::tensor::{Int, Tensor, activation::log_softmax};

/// Mean cross-entropy of logits `[N, K]` with class indices `[N]`; the target gives `smoothing / K` to every class, as in
/// PyTorch. A tensor with one element.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let log_probabilities = log_softmax(logits, 1);
    let true_class = log_probabilities
        .clone()
        .gather(1, labels.unsqueeze_dim(1))
        .mean();
    if smoothing == 0.0 {
        return -true_class;
    }
    -(true_class * (1.0 - smoothing) + log_probabilities.mean() * smoothing)
}

/// `-log softmax(row)[label]` of one image, in double precision: sums over a data set keep their digits.
pub(super) fn of_row(row: &[f32], label: u32) -> f64 {
    log_sum(row) - row[label as usize] as f64
}

/// The logarithm of the sum of the exponentials of a row.
pub(super) fn log_sum(row: &[f32]) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|&logit| (logit as f64 - largest).exp()).sum();
    sum.ln() + largest
}
