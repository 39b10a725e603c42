//! Cross-entropy and ranks are the recorded ones of PyTorch, and the task measures what it trains.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_data::{Batch, Target};
use potstill_metrics::true_class_ranks;
use potstill_models::Outputs;
use potstill_tasks::{
    Classification, Targets, Task, TaskOptions, TermContext, cross_entropy, weighted_cross_entropy,
};
use potstill_testing::numbers::{NINE_DIGITS, assert_near, number, numbers as all, recorded, tensor, values};

const RECORD: &str = "potstill-methods/tests/reference/kd.json";

/// The recorded logits, `[4, 10]`.
fn logit(i: usize) -> f64 {
    3.0 * (0.1 * i as f64).sin()
}

#[test]
fn cross_entropy_and_its_gradient_are_the_recorded_ones() {
    let record = recorded(RECORD);
    let labels: Vec<i32> = all(&record["labels"])
        .into_iter()
        .map(|label| label as i32)
        .collect();
    let cases = record["cross_entropy"].as_array().unwrap();
    assert!(cases.iter().any(|case| case["label_smoothing"] == 0.0) && cases.len() > 1);
    for case in cases {
        let smoothing = case["label_smoothing"].as_f64().unwrap();
        let logits = tensor([4, 10], logit).autodiff().require_grad();
        let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
        let loss = cross_entropy(logits.clone(), labels, smoothing);
        let what = format!("cross-entropy with smoothing {smoothing}");
        assert_near(&what, &[number(&loss)], &all(&case["value"]), NINE_DIGITS);
        let gradient = logits.grad(&loss.backward()).unwrap();
        assert_near(
            &format!("gradient of {what}"),
            &values(&gradient),
            &all(&case["gradient"]),
            NINE_DIGITS,
        );
    }
}

#[test]
fn classes_that_count_differently_give_the_recorded_loss_and_gradient() {
    let record = recorded("potstill-tasks/tests/reference/weighted_cross_entropy.json");
    let weights = all(&record["weights"]);
    let labels: Vec<i32> = all(&record["labels"])
        .into_iter()
        .map(|label| label as i32)
        .collect();
    let labels = || Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
    let at = |i: usize| 3.0 * (0.3 * i as f64).sin();
    for case in record["cases"].as_array().unwrap() {
        let smoothing = case["label_smoothing"].as_f64().unwrap();
        let logits = tensor([5, 4], at).autodiff().require_grad();
        let loss = weighted_cross_entropy(logits.clone(), labels(), smoothing, &weights);
        let what = format!("weighted cross-entropy with smoothing {smoothing}");
        assert_near(&what, &[number(&loss)], &all(&case["value"]), NINE_DIGITS);
        let gradient = logits.grad(&loss.backward()).unwrap();
        assert_near(&what, &values(&gradient), &all(&case["gradient"]), NINE_DIGITS);
        // The task takes them.
        let task = Classification::new(TaskOptions {
            label_smoothing: smoothing,
            class_weights: Some(weights.clone()),
            ..TaskOptions::default()
        });
        let outputs = Outputs::Logits(tensor([5, 4], at));
        let terms = task
            .terms(&outputs, &Targets::Class(labels()), &TermContext::undrawn())
            .unwrap();
        assert_near(
            &what,
            &[number(&terms[0].value)],
            &all(&case["value"]),
            NINE_DIGITS,
        );
    }
    // Weights that are alike change nothing.
    let alike = weighted_cross_entropy(tensor([5, 4], at), labels(), 0.1, &[3.0; 4]);
    let plain = cross_entropy(tensor([5, 4], at), labels(), 0.1);
    assert_near("alike", &[number(&alike)], &[number(&plain)], NINE_DIGITS);
}

#[test]
fn cross_entropy_of_huge_logits_is_finite() {
    let labels = Tensor::<1, Int>::from_data([1], &Device::flex());
    let loss = cross_entropy(tensor([1, 3], |i| [1e4, 0.0, -1e4][i]), labels, 0.0);
    assert_near("the distance of the logits", &[number(&loss)], &[1e4], 1e-12);
}

#[test]
fn ranks_are_the_recorded_ones() {
    let logits: Vec<f32> = (0..40).map(|i| logit(i) as f32).collect();
    for case in recorded(RECORD)["correct"].as_array().unwrap() {
        let labels: Vec<u32> = all(&case["labels"])
            .into_iter()
            .map(|label| label as u32)
            .collect();
        let ranks = true_class_ranks(&logits, 10, &labels);
        let among = |k| ranks.iter().filter(|&&rank| rank < k).count() as f64;
        assert_eq!(
            [among(1), among(5)],
            [&case["top1"], &case["top5"]].map(|hits| hits.as_f64().unwrap())
        );
        assert_eq!(
            ranks.iter().map(|&rank| rank as f64).collect::<Vec<_>>(),
            all(&case["rank_of_label"])
        );
    }
}

#[test]
fn what_is_measured_is_the_loss_that_is_trained() {
    let record = recorded(RECORD);
    let labels: Vec<u32> = all(&record["labels"])
        .into_iter()
        .map(|label| label as u32)
        .collect();
    let batch = Batch {
        images: vec![0.0; 4],
        shape: [4, 1, 1, 1],
        valid: vec![[1, 1]; 4],
        truth: Vec::new(),
        second: Vec::new(),
        targets: labels.into_iter().map(Target::Class).collect(),
        indices: (0..4).collect(),
    };
    let task = Classification::default();
    let outputs = Outputs::Logits(tensor([4, 10], logit));
    let targets = task.targets(&batch, &Device::flex()).unwrap();
    let terms = task.terms(&outputs, &targets, &TermContext::undrawn()).unwrap();
    assert_eq!(terms[0].name, "cross_entropy");
    let mut evaluator = task.evaluator();
    evaluator.add(&outputs, &batch).unwrap();
    let found = evaluator.finish();
    assert_near("loss", &[found["loss"]], &[number(&terms[0].value)], 1e-6);
    // Two of four labels are among the five likeliest, see the record.
    assert_eq!((found["top1"], found["top5"]), (0.0, 50.0));
    assert_eq!(task.counts(&outputs, &batch).unwrap()["top1"], 0.0);
}

#[test]
fn images_that_an_augmentation_made_do_not_count() {
    let task = Classification::default();
    // Two made images of class 1, then the two clean ones, of which one is a hit.
    let rows = [0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 0.0, 9.0];
    let outputs = Outputs::Logits(tensor([4, 2], |i| rows[i]));
    let batch = Batch {
        images: vec![0.0; 2],
        shape: [2, 1, 1, 1],
        valid: vec![[1, 1]; 2],
        truth: Vec::new(),
        second: Vec::new(),
        targets: vec![Target::Class(1), Target::Class(1)],
        indices: vec![0, 1],
    };
    assert_eq!(task.counts(&outputs, &batch).unwrap()["top1"], 1.0);
}

#[test]
fn chance_is_naming_the_most_frequent_class() {
    let task = Classification::default();
    assert_eq!(task.chance(&[3, 1, 0], 4), 75.0);
    assert_eq!(task.chance(&[], 0), 0.0);
}
