//! The focal loss of rows of sigmoids.

use burn::tensor::{Tensor, TensorData, activation::log_sigmoid};
use potstill_kernels::FocalLoss;

use crate::fast::fast_focal_loss;

/// What a target of 1 counts; a target of 0 counts one less this.
const ALPHA: f64 = 0.25;

/// The focal loss of logits `[R, K]` of sigmoids (Lin et al. 2017, equation 5, with alpha 0.25 and gamma 2), summed over the columns, times the weight
/// of each row, and summed over the rows; a tensor with one element.
///
/// The target of a row is 1 in the column `columns[row]` and 0 elsewhere; a column that is not there is the background, 0 everywhere. Rows of
/// weight 0 take no part. Both slices have R numbers.
pub fn focal_loss(logits: Tensor<2>, columns: &[Option<usize>], weights: &[f64]) -> Tensor<1> {
    focal(logits, columns, weights, false)
}

/// The focal loss of the opposite: every probability in it is replaced by what is left of it to 1, while a target of 1 counts as before. It is
/// small where the network is wrong ("TST", Shao et al. 2023).
pub fn inverted_focal_loss(logits: Tensor<2>, columns: &[Option<usize>], weights: &[f64]) -> Tensor<1> {
    focal(logits, columns, weights, true)
}

fn focal(logits: Tensor<2>, columns: &[Option<usize>], weights: &[f64], inverted: bool) -> Tensor<1> {
    let loss = FocalLoss {
        alpha: ALPHA as f32,
        inverted,
    };
    if let Some(loss) = fast_focal_loss(&logits, columns, weights, loss) {
        return loss;
    }
    let towards = if inverted { -1.0 } else { 1.0 };
    let [rows, count] = logits.dims();
    let (device, dtype) = (logits.device(), logits.dtype());
    let mut signs = vec![-towards; rows * count];
    let mut factors = vec![0.0; rows * count];
    for row in 0..rows.min(columns.len()).min(weights.len()) {
        let range = row * count..(row + 1) * count;
        factors[range.clone()].fill((1.0 - ALPHA) * weights[row]);
        if let Some(column) = columns[row].filter(|column| *column < count) {
            signs[range.start + column] = towards;
            factors[range.start + column] = ALPHA * weights[row];
        }
    }
    let constant =
        |values: Vec<f64>| Tensor::<2>::from_data(TensorData::new(values, [rows, count]), (&device, dtype));
    // With the sign of its target, every logit is one that should be large.
    let signed = logits * constant(signs);
    let missed = log_sigmoid(-signed.clone()).exp().powi_scalar(2);
    -(missed * log_sigmoid(signed) * constant(factors)).sum()
}
