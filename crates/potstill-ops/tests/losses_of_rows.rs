//! Losses of rows of logits: the fast form against the portable one, values and gradients.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_ops::{Form, cross_entropy_of_rows, focal_loss, inverted_focal_loss};

const ROWS: usize = 41;
const COLUMNS: usize = 7;

/// The loss and the gradient of the logits, times 2.5, in one of the forms.
fn taught(form: Form, logits: &Tensor<2>, loss: &dyn Fn(Tensor<2>) -> Tensor<1>) -> (f32, Vec<f32>) {
    form.with(|| {
        let logits = logits.clone().require_grad();
        let loss = loss(logits.clone());
        let slopes = (loss.clone() * 2.5).backward();
        let slopes = logits.grad(&slopes).unwrap().into_data().try_to_vec().unwrap();
        (loss.into_scalar::<f32>(), slopes)
    })
}

fn assert_forms_agree(loss: &dyn Fn(Tensor<2>) -> Tensor<1>) {
    let device = Device::flex().autodiff();
    let values = (0..ROWS * COLUMNS).map(|i| 6.0 * (i as f32 * 1.7).sin());
    let values: Vec<f32> = values.collect();
    let logits = Tensor::from_data(TensorData::new(values, [ROWS, COLUMNS]), &device);
    let (ours, our_slopes) = taught(Form::Fast, &logits, loss);
    let (theirs, their_slopes) = taught(Form::Portable, &logits, loss);
    assert!(
        (ours - theirs).abs() <= 1e-5 * theirs.abs(),
        "{ours} is not {theirs}"
    );
    assert!(their_slopes.iter().any(|slope| slope.abs() > 0.005));
    for (ours, theirs) in our_slopes.iter().zip(&their_slopes) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} is not {theirs}");
    }
    let plain = Form::Fast.with(|| loss(logits.inner()).into_scalar::<f32>());
    assert_eq!(plain, ours);
}

#[test]
fn cross_entropies_agree() {
    // Every third row does not count.
    let label = |row: usize| {
        if row.is_multiple_of(3) {
            255
        } else {
            (row * 3 % COLUMNS) as i64
        }
    };
    let labels: Vec<i64> = (0..ROWS).map(label).collect();
    for weights in [None, Some([1.0, 2.0, 0.5, 1.0, 3.0, 0.0, 1.0].as_slice())] {
        assert_forms_agree(&|logits| {
            let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &logits.device());
            cross_entropy_of_rows(logits, labels, 255, weights)
        });
    }
}

#[test]
fn nothing_that_counts_costs_nothing() {
    for form in [Form::Fast, Form::Portable] {
        let device = Device::flex();
        let labels = Tensor::<1, Int>::from_data([255, 255], &device);
        let scores = Tensor::from_data([[1.0, 2.0], [f32::INFINITY, 0.0]], &device).slice([0..2, 1..2]);
        let loss = form.with(|| cross_entropy_of_rows(scores, labels, 255, None));
        assert_eq!(loss.into_scalar::<f32>(), 0.0);
    }
}

#[test]
fn focal_losses_agree() {
    let columns: Vec<_> = (0..ROWS)
        .map(|row| row.is_multiple_of(4).then_some(row % COLUMNS))
        .collect();
    let weights: Vec<f64> = (0..ROWS).map(|row| [0.0, 0.1, 0.1, 0.3][row % 4]).collect();
    assert_forms_agree(&|logits| focal_loss(logits, &columns, &weights));
    assert_forms_agree(&|logits| inverted_focal_loss(logits, &columns, &weights));
}
