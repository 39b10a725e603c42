//! The binary cross-entropy of a set of classes per image: as a loss, and as a measurement.

use burn::tensor::{Tensor, activation::log_sigmoid};

/// Binary cross-entropy of logits `[N, K]` with targets `[N, K]` of 1 and 0, summed over the classes and averaged over the images, so
/// that it is what a network that takes the classes for independent pays for the set of an image; PyTorch's
/// `binary_cross_entropy_with_logits(reduction="sum") / N`. The target of a class is moved by `smoothing` towards one half. A tensor
/// with one element.
pub fn binary_cross_entropy(logits: Tensor<2>, targets: Tensor<2>, smoothing: f64) -> Tensor<1> {
    let images = logits.dims()[0] as f64;
    let targets = if smoothing == 0.0 {
        targets
    } else {
        targets * (1.0 - smoothing) + 0.5 * smoothing
    };
    // log sigmoid(z) = z + log sigmoid(-z).
    let is_not = log_sigmoid(-logits.clone());
    -(targets * logits + is_not).sum() / images
}

/// The same of one image in double precision, from its logits and whether it has each class.
pub(super) fn of_row(row: &[f32], has: impl Fn(u32) -> bool) -> f64 {
    let of_class = |(class, &logit): (u32, &f32)| {
        let wrong = if has(class) { -(logit as f64) } else { logit as f64 };
        // log(1 + exp(x)) without an overflow.
        wrong.max(0.0) + (-wrong.abs()).exp().ln_1p()
    };
    (0..).zip(row).map(of_class).sum()
}
