//! The divergence of rows of softmaxes.

use std::ops::Range;

use burn::tensor::Tensor;
use potstill_kernels::{Pool, softmax_divergence};

use super::{buffer::Buffer, summed::summed};

/// See [`crate::softmax_divergence`]; none if the fast form does not apply.
pub(crate) fn fast_divergence(
    scores: &Tensor<2>,
    ranges: &[Range<usize>],
    targets: &dyn Fn(Range<usize>) -> Tensor<2>,
) -> Option<Tensor<1>> {
    let [rows, columns] = scores.dims();
    summed(scores, |scores, gradient| {
        gradient.resize(scores.len(), 0.0);
        let mut sum = 0.0;
        for range in ranges {
            let wanted = Buffer::of(&targets(range.clone()).inner())?;
            let part = range.start * columns..range.end * columns;
            sum += softmax_divergence(
                &scores[part.clone()],
                wanted.as_slice(),
                columns,
                1.0 / rows as f32,
                &mut gradient[part],
                Pool::global(),
            )
            .ok()?;
        }
        Some(sum / rows as f64)
    })
}
