//! The cross-entropy of rows of softmaxes.

use burn::tensor::{Int, Tensor};
use potstill_kernels::{Pool, softmax_cross_entropy};

use super::summed::summed;

/// See [`crate::cross_entropy_of_rows`]; none if the fast form does not apply.
pub(crate) fn fast_cross_entropy(
    scores: &Tensor<2>,
    labels: &Tensor<1, Int>,
    ignored: i64,
    weights: Option<&[f64]>,
) -> Option<Tensor<1>> {
    let columns = scores.dims()[1];
    summed(scores, |scores, gradient| {
        let data = labels.clone().inner().into_data();
        let (mut labels, mut counts) = (Vec::with_capacity(data.num_elements()), Vec::new());
        for label in data.iter::<i64>() {
            // A label below 0 is one beyond every column.
            let place = usize::try_from(label).unwrap_or(usize::MAX);
            labels.push(u32::try_from(place).unwrap_or(u32::MAX));
            counts.push(match weights {
                _ if label == ignored => 0.0,
                Some(weights) => *weights.get(place)?,
                None => 1.0,
            });
        }
        let total: f64 = counts.iter().sum();
        let share = |count: f64| if total > 0.0 { (count / total) as f32 } else { 0.0 };
        let counts: Vec<f32> = counts.into_iter().map(share).collect();
        softmax_cross_entropy(scores, columns, &labels, &counts, gradient, Pool::global()).ok()
    })
}
