//! Losses and ranks on logits `[N, K]`.

use std::cmp::Ordering;

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

/// `T^2 * KL(softmax(teacher / T) || softmax(student / T))`, mean over the batch (Hinton, Vinyals and Dean 2015, section 2).
///
/// Both `[N, K]`; a tensor with one element. The teacher's side is a target and gets no gradient unless it is tracked.
pub fn distillation_divergence(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let batch = student.dims()[0] as f64;
    let teacher_log = log_softmax(teacher / temperature, 1);
    let student_log = log_softmax(student / temperature, 1);
    let divergence = teacher_log.clone().exp() * (teacher_log - student_log);
    divergence.sum() * (temperature * temperature / batch)
}

/// For each row of `logits` (`[N, K]`, row-major), how many classes have a larger logit than the true one: 0 is a top-1 hit,
/// less than 5 a top-5 hit. A true class whose logit is not a number ranks last.
pub fn true_class_ranks(logits: &[f32], classes: usize, labels: &[u32]) -> Vec<usize> {
    logits
        .chunks_exact(classes)
        .zip(labels)
        .map(|(row, &label)| {
            let own = row[label as usize];
            // A NaN is no smaller than anything, so it counts as a better rival, and everything is one to a NaN.
            let beats = |other: &f32| other.partial_cmp(&own).is_none_or(Ordering::is_gt);
            row.iter()
                .enumerate()
                .filter(|&(k, other)| k != label as usize && beats(other))
                .count()
        })
        .collect()
}
