//! Losses and metrics of sets of classes: against an independent computation in PyTorch, and against each other.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_data::{Batch, Target};
use potstill_metrics::{CLASSES_LEFT_OUT, F1, LOSS, MEAN_AVERAGE_PRECISION};
use potstill_models::Outputs;
use potstill_tasks::{
    Classification, MultiLabel, Probabilities, Targets, Task, TaskError, TaskOptions, TermContext,
    binary_cross_entropy,
};
use potstill_testing::numbers::{NINE_DIGITS, assert_near, number, numbers as all, recorded, tensor, values};

const SETS: [&[u32]; 4] = [&[0, 3], &[], &[1, 2, 5], &[4]];

fn student(i: usize) -> f64 {
    3.0 * (0.7 * i as f64).sin()
}

fn teacher(i: usize) -> f64 {
    4.0 * (0.4 * i as f64).cos()
}

fn second_teacher(i: usize) -> f64 {
    2.0 * (0.3 * i as f64 + 1.0).sin()
}

fn record() -> serde_json::Value {
    recorded("potstill-tasks/tests/reference/multi_label.json")
}

fn task(label_smoothing: f64) -> MultiLabel {
    let classes = ["disc", "square", "star", "ring", "heart", "arrow"];
    MultiLabel::new(TaskOptions {
        classes: classes.map(str::to_owned).to_vec(),
        label_smoothing,
        class_weights: None,
    })
}

/// Images of one pixel with these targets.
fn batch(targets: Vec<Target>) -> Batch {
    let count = targets.len();
    Batch {
        images: vec![0.0; count],
        shape: [count, 1, 1, 1],
        valid: vec![[1, 1]; count],
        truth: Vec::new(),
        second: Vec::new(),
        targets,
        indices: (0..count).collect(),
    }
}

fn sets() -> Batch {
    batch(SETS.map(|set| Target::Classes(set.to_vec())).to_vec())
}

#[test]
fn the_loss_and_its_gradient_are_the_recorded_ones() {
    let cases = record()["binary_cross_entropy"].clone();
    assert_eq!(cases.as_array().unwrap().len(), 2);
    for case in cases.as_array().unwrap() {
        let smoothing = case["label_smoothing"].as_f64().unwrap();
        let logits = tensor([4, 6], student).autodiff().require_grad();
        let has = tensor([4, 6], |i| {
            f64::from(u8::from(SETS[i / 6].contains(&((i % 6) as u32))))
        });
        let loss = binary_cross_entropy(logits.clone(), has, smoothing);
        let what = format!("binary cross-entropy with smoothing {smoothing}");
        assert_near(&what, &[number(&loss)], &all(&case["value"]), NINE_DIGITS);
        let gradient = values(&logits.grad(&loss.backward()).unwrap());
        assert_near(&what, &gradient, &all(&case["gradient"]), NINE_DIGITS);
    }
}

#[test]
fn the_divergence_and_its_gradient_are_the_recorded_ones() {
    let cases = record()["divergence"].clone();
    assert_eq!(cases.as_array().unwrap().len(), 3);
    for case in cases.as_array().unwrap() {
        let temperature = case["temperature"].as_f64().unwrap();
        let logits = tensor([4, 6], student).autodiff().require_grad();
        let loss = Probabilities::Sigmoid.divergence(logits.clone(), tensor([4, 6], teacher), temperature);
        let what = format!("divergence at T = {temperature}");
        assert_near(&what, &[number(&loss)], &all(&case["value"]), NINE_DIGITS);
        let gradient = values(&logits.grad(&loss.backward()).unwrap());
        assert_near(&what, &gradient, &all(&case["gradient"]), NINE_DIGITS);
    }
}

#[test]
fn the_mean_of_teachers_is_the_recorded_one() {
    for case in record()["mean"].as_array().unwrap() {
        let temperature = case["temperature"].as_f64().unwrap();
        let weights = all(&case["weights"]);
        let members = [
            (weights[0], tensor([4, 6], teacher)),
            (weights[1], tensor([4, 6], second_teacher)),
        ];
        for (probabilities, name) in [
            (Probabilities::Sigmoid, "sigmoid"),
            (Probabilities::Softmax, "softmax"),
        ] {
            let mean = probabilities.mean(&members, temperature).unwrap();
            let what = format!("{name} at T = {temperature}");
            assert_near(&what, &values(&mean), &all(&case[name]), NINE_DIGITS);
        }
    }
    assert!(Probabilities::Sigmoid.mean(&[], 1.0).is_none());
}

#[test]
fn equal_logits_lose_nothing_and_huge_ones_stay_finite() {
    let loss =
        |student: Tensor<2>, teacher: Tensor<2>| Probabilities::Sigmoid.divergence(student, teacher, 4.0);
    assert!(number(&loss(tensor([4, 6], teacher), tensor([4, 6], teacher))).abs() < 1e-13);
    let huge = |sign: f64| tensor([1, 2], move |i| sign * [1e4, -1e4][i]);
    let logits = huge(1.0).autodiff().require_grad();
    let far = loss(logits.clone(), huge(-1.0));
    // T^2 times the distance of the softened logits, for both classes.
    assert_near("far", &[number(&far)], &[16.0 * 2.0 * 1e4 / 4.0], 1e-12);
    let gradient = values(&logits.grad(&far.backward()).unwrap());
    assert_near("gradient", &gradient, &[4.0, -4.0], 1e-12);
    let wrong = binary_cross_entropy(huge(1.0), tensor([1, 2], |i| [0.0, 1.0][i]), 0.0);
    assert_near("wrong", &[number(&wrong)], &[2e4], 1e-12);
}

#[test]
fn targets_are_ones_and_zeros_and_unknown_classes_are_refused() {
    let targets = task(0.0).targets(&sets(), &Device::flex()).unwrap();
    let expected = [
        1., 0., 0., 1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 1., 0., 0., 0., 0., 1., 0.,
    ];
    assert_eq!(values(targets.classes().unwrap()), expected);
    assert!(targets.class().is_err(), "it is no class of each image");

    let unknown = batch(vec![Target::Classes(vec![6])]);
    let error = task(0.0).targets(&unknown, &Device::flex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an image has class 6 where there are 6 classes"
    );
    let single = batch(vec![Target::Class(1)]);
    let error = task(0.0).targets(&single, &Device::flex()).unwrap_err();
    assert!(matches!(error, TaskError::Data(_)), "{error}");
}

#[test]
fn what_is_measured_is_the_loss_that_is_trained_and_the_metrics_of_the_scores() {
    let (task, batch) = (task(0.0), sets());
    let outputs = Outputs::Logits(tensor([4, 6], student));
    let targets = match task.targets(&batch, &Device::flex()).unwrap() {
        Targets::Classes(has) => Targets::Classes(has.cast(burn::tensor::DType::F64)),
        other => other,
    };
    let terms = task.terms(&outputs, &targets, &TermContext::undrawn()).unwrap();
    assert_eq!((terms.len(), terms[0].name.as_str()), (1, "binary_cross_entropy"));
    let mut evaluator = task.evaluator();
    evaluator.add(&outputs, &batch).unwrap();
    let found = evaluator.finish();
    // Scores are measured in single precision.
    assert_near("loss", &[found[&LOSS.name]], &[number(&terms[0].value)], 1e-6);
    // By hand, from the table of logits: see tools/multi_label_reference.py for its formula.
    assert!(found[&MEAN_AVERAGE_PRECISION.name] > 0.0 && found[&MEAN_AVERAGE_PRECISION.name] <= 100.0);
    assert!(found.of(&F1).is_some() && found.of(&CLASSES_LEFT_OUT).is_none());

    // In two parts, the same.
    let mut parts = task.evaluator();
    for (at, target) in batch.targets.iter().enumerate() {
        let row = Outputs::Logits(tensor([1, 6], |i| student(6 * at + i)));
        parts.add(&row, &self::batch(vec![target.clone()])).unwrap();
    }
    let parts = parts.finish();
    assert!(
        found
            .iter()
            .zip(parts.iter())
            .all(|((a, x), (b, y))| a == b && (x - y).abs() < 1e-9)
    );
}

#[test]
fn confidence_is_the_probability_of_the_very_target() {
    // Classes 0 and 1 for sure, and a coin for class 2.
    let row = |values: [f64; 3]| Outputs::Logits(tensor([1, 3], move |i| values[i]));
    let task = MultiLabel::new(TaskOptions {
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        label_smoothing: 0.0,
        class_weights: None,
    });
    let of = |set: &[u32]| {
        let outputs = row([100.0, -100.0, 0.0]);
        task.confidence(&outputs, &batch(vec![Target::Classes(set.to_vec())]))
            .unwrap()[0]
    };
    assert!((of(&[0]) - 0.5).abs() < 1e-9 && (of(&[0, 2]) - 0.5).abs() < 1e-9 && of(&[1]) < 1e-9);
    assert_eq!(task.describe(&Target::Classes(vec![0, 2])), "a, c");
    assert_eq!(task.describe(&Target::Classes(vec![])), "nothing");

    let task = Classification::default();
    let outputs = row([0.0, 0.0, 0.0]);
    let third = task.confidence(&outputs, &batch(vec![Target::Class(1)])).unwrap();
    assert!((third[0] - 1.0 / 3.0).abs() < 1e-7);
}

#[test]
fn chance_is_the_mean_share_of_the_classes_that_are_shown() {
    // By hand: 2 and 1 of 4 images, and a class that none shows.
    assert_eq!(task(0.0).chance(&[2, 0, 1], 4), 37.5);
}
