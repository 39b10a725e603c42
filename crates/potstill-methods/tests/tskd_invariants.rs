//! What must hold for TSKD whatever the numbers: symmetries of the attention maps, zeros, and what a degenerate map gives.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Tensor;
use potstill_methods::tskd::{
    ForecasterConfig, Forecasters, MapNorm, ReviewInput, ReviewLoss, attention_map, increments,
};
use potstill_ops::{Mode, Parameters, Pass};
use potstill_testing::numbers::{self, assert_near, fill, map, nchw, number, scope, tensor, values};

const EXACT: f64 = 1e-12;
const NORMS: [MapNorm; 2] = [MapNorm::Column, MapNorm::FullMap];

fn features(phase: f64) -> Tensor<4> {
    map([2, 3, 5, 4], |i| (0.7 * i as f64 + phase).sin())
}

#[test]
fn what_is_normalised_has_norm_1() {
    let attention = attention_map(features(0.0), MapNorm::Column);
    assert_eq!(attention.dims(), [2, 5, 4, 1]);
    let by_column = values(&(attention.clone() * attention).sum_dim(1));
    assert_near("columns", &by_column, &[1.0; 8], EXACT);
    let attention = attention_map(features(0.0), MapNorm::FullMap);
    let whole = values(&(attention.clone() * attention).sum_dim(1).sum_dim(2));
    assert_near("maps", &whole, &[1.0; 2], EXACT);
}

#[test]
fn a_factor_and_doubled_channels_do_not_count() {
    for norm in NORMS {
        let plain = nchw(&attention_map(features(0.3), norm));
        let scaled = attention_map(features(0.3) * 7.5, norm);
        assert_near("times 7.5", &nchw(&scaled), &plain, EXACT);
        let doubled = Tensor::cat(vec![features(0.3), features(0.3)], 3);
        assert_near("doubled", &nchw(&attention_map(doubled, norm)), &plain, EXACT);
    }
}

#[test]
fn a_column_without_energy_is_zero_and_so_is_its_gradient() {
    for norm in NORMS {
        // The first column is black, in one norm; the whole of the second image in both.
        let black = |i: usize| i.is_multiple_of(4) || i >= 60;
        let leaf = tensor([2, 3, 5, 4], |i| if black(i) { 0.0 } else { (i as f64).sin() })
            .autodiff()
            .require_grad();
        let attention = attention_map(leaf.clone().permute([0, 2, 3, 1]), norm);
        assert!(values(&attention).iter().all(|value| value.is_finite()));
        let gradient = values(&leaf.grad(&attention.sum().backward()).unwrap());
        for (i, value) in gradient.iter().enumerate() {
            assert!(
                value.is_finite() && (!black(i) || *value == 0.0),
                "{norm:?} {i}: {value}"
            );
        }
        let energy = attention_map(map([2, 3, 5, 4], |i| if black(i) { 0.0 } else { 1.0 }), norm);
        assert!(nchw(&energy)[20..].iter().all(|&value| value == 0.0));
    }
}

#[test]
fn what_has_not_changed_has_no_increment_and_no_gradient_that_is_not_a_number() {
    let leaf = features(0.1).autodiff().require_grad();
    let same = attention_map(leaf.clone(), MapNorm::Column);
    let changes = increments(&[same.clone().detach(), same.clone().detach(), same]);
    assert_eq!(changes.len(), 2);
    let sum = changes
        .into_iter()
        .inspect(|change| assert!(values(change).iter().all(|&value| value == 0.0)))
        .reduce(|a, b| a + b)
        .unwrap()
        .sum();
    let gradient = values(&leaf.grad(&sum.backward()).unwrap());
    assert!(
        gradient.iter().all(|&value| value == 0.0),
        "the slope of |x| at 0 is 0"
    );
    assert!(increments(&[features(0.0)]).is_empty());
}

fn forecasters(branches: usize) -> Forecasters {
    let config = ForecasterConfig {
        features: 2,
        hidden: 3,
        peepholes: None,
    };
    let mut forecasters = Forecasters::new(&vec![config; branches], &scope());
    fill(&mut forecasters, |_, _| None);
    forecasters
}

#[test]
fn a_student_like_its_teacher_is_left_with_the_forecast_alone() {
    let forecaster = &forecasters(1).branches[0];
    let remembered = vec![features(0.0), features(0.1), features(0.2)];
    let tapped = ReviewInput {
        remembered: remembered.clone(),
        student: features(0.3),
        teacher: features(0.3),
    };
    let mut pass = Pass::new(Mode::Batch);
    let loss = ReviewLoss::default().loss(forecaster, tapped, &mut pass).unwrap();
    let attention: Vec<_> = remembered
        .into_iter()
        .chain([features(0.3)])
        .map(|map| attention_map(map, MapNorm::Column))
        .collect();
    let forecast = forecaster.forward(increments(&attention), &mut pass).unwrap();
    let squares: Vec<f64> = values(&forecast).iter().map(|value| value * value).collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    assert!(mean > 0.0);
    assert_near("mean square of the forecast", &[number(&loss)], &[mean], EXACT);
}

#[test]
fn nothing_remembered_is_no_review() {
    let tapped = ReviewInput {
        remembered: Vec::new(),
        student: features(0.3),
        teacher: features(0.4),
    };
    let loss = ReviewLoss::default().loss(&forecasters(1).branches[0], tapped, &mut Pass::new(Mode::Batch));
    assert!(loss.is_none());
}

#[test]
fn branches_start_differently_and_a_still_loss_moves_none() {
    let forecasters = forecasters(2);
    let still = forecasters.zero_gradient_term().unwrap();
    assert_eq!(number(&still), 0.0);
    let gradients = numbers::gradients(&forecasters, &still.backward());
    let entries = forecasters.entries();
    assert_eq!(gradients.len(), entries.len(), "it reaches every weight");
    assert!(gradients.values().flatten().all(|&value| value == 0.0));
    let [first, second] = [0, 1].map(|branch| {
        let mut found = Vec::new();
        forecasters.branches[branch].each(&mut |entry, value| {
            if entry.path == "encoder.conv.weight" {
                found = values(&value);
            }
        });
        found
    });
    assert_ne!(first, second);
}
