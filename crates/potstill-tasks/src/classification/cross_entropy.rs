//! The cross-entropy of one class per image: as a loss, and as a measurement.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};

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

/// The same where each class counts by its weight, as in PyTorch's `CrossEntropyLoss(weight=...)`: the mean over the images is weighted by
/// the weights of their classes, and what smoothing gives to a class counts by that class's weight.
pub fn weighted_cross_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f64,
    weights: &[f64],
) -> Tensor<1> {
    let classes = weights.len();
    let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    let log_probabilities = log_softmax(logits, 1);
    let weights = Tensor::<1>::from_data(TensorData::new(weights, [classes]), &labels.device());
    let weights = weights.cast(log_probabilities.dtype());
    let of_image = weights.clone().gather(0, labels.clone());
    let total = of_image.clone().sum();
    let true_class = log_probabilities.clone().gather(1, labels.unsqueeze_dim(1)) * of_image.unsqueeze_dim(1);
    let true_class = true_class.sum() / total.clone();
    if smoothing == 0.0 {
        return -true_class;
    }
    let all = (log_probabilities * weights.unsqueeze_dim(0)).sum() / total;
    -(true_class * (1.0 - smoothing) + all * (smoothing / classes as f64))
}

/// `-log softmax(row)[label]` of one image, in double precision: sums over a data set keep their digits.
pub(crate) fn of_row(row: &[f32], label: u32) -> f64 {
    log_sum(row) - row[label as usize] as f64
}

/// The logarithm of the sum of the exponentials of a row.
pub(super) fn log_sum(row: &[f32]) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|&logit| (logit as f64 - largest).exp()).sum();
    sum.ln() + largest
}
