//! The cross-entropy of rows of softmaxes.

use burn::tensor::{Int, Tensor};
use potstill_kernels::{Pool, softmax_cross_entropy};

use super::{buffer::Buffer, summed::summed};

/// See [`crate::cross_entropy_of_rows`]; none if the fast form does not apply.
pub(crate) fn fast_cross_entropy(
    scores: &Tensor<2>,
    labels: &Tensor<1, Int>,
    weights: &Tensor<1>,
) -> Option<Tensor<1>> {
    let columns = scores.dims()[1];
    summed(scores, |scores, gradient| {
        let weights = Buffer::of(&weights.clone().inner())?;
        // A label below 0 is one beyond every column.
        let label = |label: i64| u32::try_from(label).unwrap_or(u32::MAX);
        let labels: Vec<u32> = labels
            .clone()
            .inner()
            .into_data()
            .iter::<i64>()
            .map(label)
            .collect();
        softmax_cross_entropy(
            scores,
            columns,
            &labels,
            weights.as_slice(),
            gradient,
            Pool::global(),
        )
        .ok()
    })
}
