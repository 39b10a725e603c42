//! How far rows of softmaxes are from their targets, where the targets are too many to be held at once.

use std::ops::Range;

use burn::tensor::{Tensor, activation::log_softmax};

use crate::fast::fast_divergence;

/// Numbers of the targets that are held at once: 8 MiB.
const HELD: usize = 1 << 21;

/// The mean over rows of `KL(softmax(targets) || softmax(scores))`, a tensor with one element.
///
/// `scores` are `[rows, columns]`. `targets` is asked for the logits of a range of rows, `[rows in it, columns]` on the plain
/// device, one range after the other. A class that a target gives no chance has a logit of [`LOG_ZERO`].
pub fn softmax_divergence(scores: Tensor<2>, targets: &dyn Fn(Range<usize>) -> Tensor<2>) -> Tensor<1> {
    let [rows, columns] = scores.dims();
    let step = (HELD / columns.max(1)).max(1);
    let ranges: Vec<_> = (0..rows)
        .step_by(step)
        .map(|start| start..rows.min(start + step))
        .collect();
    if let Some(divergence) = fast_divergence(&scores, &ranges, targets) {
        return divergence;
    }
    let of_range = |range: Range<usize>| {
        let ours = log_softmax(scores.clone().narrow(0, range.start, range.len()), 1);
        let theirs = log_softmax(targets(range), 1);
        (theirs.clone().exp() * (theirs - ours)).sum()
    };
    let sum = ranges
        .into_iter()
        .map(of_range)
        .reduce(|sum, part| sum + part)
        .unwrap_or_else(|| scores.sum());
    sum / rows as f64
}

/// The logit of what has no chance: `0 log 0 = 0` without an infinity in the sums.
pub const LOG_ZERO: f64 = -1e4;
