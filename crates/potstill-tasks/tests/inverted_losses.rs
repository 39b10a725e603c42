//! Losses that point the other way give the numbers of the account of TST (section 7.10), which equal those of the authors' program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_ops::{focal_loss, inverted_focal_loss};
use potstill_tasks::inverted_pixel_cross_entropy;
use potstill_testing::numbers::{assert_near, number, tensor};

const SIX_DIGITS: f64 = 1e-5;

fn labels(labels: &[i32], shape: [usize; 3]) -> Tensor<3, Int> {
    Tensor::from_data(TensorData::new(labels.to_vec(), shape), &Device::flex())
}

#[test]
fn a_pixel_pays_for_the_chance_of_its_class() {
    let logits = || tensor([1, 1, 1, 3], |i| [2.0, -1.0, 0.5][i]);
    for (label, recorded) in [(0, 1.5399), (1, 3.9898e-2)] {
        let loss = inverted_pixel_cross_entropy(logits(), labels(&[label], [1, 1, 1]));
        // A mean over all scores: a third of the pixel's.
        assert_near("inverted", &[3.0 * number(&loss)], &[recorded], SIX_DIGITS);
    }
    let ignored = inverted_pixel_cross_entropy(logits(), labels(&[255], [1, 1, 1]));
    assert_eq!(number(&ignored), 0.0);
    // A sure answer does not run over.
    let sure = tensor([1, 1, 1, 2], |i| [2000.0, -2000.0][i]);
    assert!(number(&inverted_pixel_cross_entropy(sure, labels(&[0], [1, 1, 1]))).is_finite());
}

#[test]
fn the_focal_loss_of_the_opposite_is_the_recorded_one() {
    let cases = [
        (0.8, true, 0.13938, 8.91716e-3),
        (0.8, false, 2.67515e-2, 0.41814),
        (-1.2, true, 3.52672e-3, 2.16065e-1),
        (-1.2, false, 6.48194e-1, 1.05802e-2),
    ];
    for (logit, is_object, inverted, usual) in cases {
        let column = [is_object.then_some(0)];
        let row = || tensor([1, 1], |_| logit);
        let found = number(&inverted_focal_loss(row(), &column, &[1.0]));
        assert_near(
            &format!("inverted, {logit} {is_object}"),
            &[found],
            &[inverted],
            SIX_DIGITS,
        );
        let found = number(&focal_loss(row(), &column, &[1.0]));
        assert_near(
            &format!("usual, {logit} {is_object}"),
            &[found],
            &[usual],
            SIX_DIGITS,
        );
    }
}
