//! What tasks tell of images beyond metrics.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_data::{Batch, Target};
use potstill_metrics::Details;
use potstill_models::Outputs;
use potstill_tasks::{TaskKind, TaskOptions, task};

/// The details of images with these logits and targets, in two batches; the indices are ten times the places.
fn told<const K: usize>(kind: TaskKind, logits: &[[f32; K]], targets: &[Target], worst: usize) -> Details {
    let classes = ["ant", "cat", "dog"][..K].iter().map(|name| (*name).to_owned());
    let options = TaskOptions {
        classes: classes.collect(),
        ..TaskOptions::default()
    };
    let mut evaluator = task(kind, options).evaluator();
    let half = logits.len().div_ceil(2);
    for first in [0, half] {
        let places = first..logits.len().min(first + half);
        let count = places.len();
        let batch = Batch {
            images: vec![0.0; count],
            shape: [count, 1, 1, 1],
            valid: vec![[1, 1]; count],
            truth: Vec::new(),
            second: Vec::new(),
            targets: targets[places.clone()].to_vec(),
            indices: places.clone().map(|place| 10 * place).collect(),
        };
        let rows: Vec<f32> = logits[places].iter().flatten().copied().collect();
        let rows = Tensor::<1>::from_floats(rows.as_slice(), &Device::flex()).reshape([count, K]);
        evaluator.add(&Outputs::Logits(rows), &batch).unwrap();
    }
    evaluator.details(worst)
}

/// The logit of a class whose probability among three, the others at 0, is three fifths: 3 / (3 + 1 + 1).
fn three() -> f32 {
    3.0_f32.ln()
}

#[test]
fn the_least_probable_truth_is_the_most_wrong() {
    let logits = [
        [three(), 0.0, 0.0],
        [0.0, three(), 0.0],
        [0.0, 0.0, 6.0],
        [0.0, three(), 0.0],
    ];
    let targets = [0, 2, 1, 1].map(Target::Class);
    let details = told(TaskKind::Classification, &logits, &targets, 9);
    let worst: Vec<_> = details
        .worst
        .iter()
        .map(|wrong| (wrong.index, wrong.truth.as_str(), wrong.prediction.as_str()))
        .collect();
    assert_eq!(worst, [(20, "cat", "dog"), (10, "dog", "cat")]);
    let second = &details.worst[1];
    assert!((second.probability - 0.6).abs() < 1e-6 && (second.probability_of_truth - 0.2).abs() < 1e-6);
    assert_eq!(
        told(TaskKind::Classification, &logits, &targets, 1).worst.len(),
        1
    );
    assert_eq!(
        details.confusion.unwrap().matrix,
        [[1, 0, 0], [0, 1, 1], [0, 1, 0]]
    );
    let accuracies: Vec<_> = details
        .by_class
        .iter()
        .map(|class| class.accuracy.unwrap())
        .collect();
    assert_eq!(accuracies, [100.0, 50.0, 0.0]);
}

#[test]
fn logits_that_are_no_numbers_are_wrong_and_no_panic() {
    let logits = [[f32::NAN; 3], [f32::NAN, 1.0, 0.0], [f32::INFINITY, 0.0, 0.0]];
    let targets = [0, 0, 1].map(Target::Class);
    let details = told(TaskKind::Classification, &logits, &targets, 9);
    assert_eq!(details.worst.len(), 3);
    assert!(details.worst.iter().all(|wrong| wrong.prediction != wrong.truth));
    // Equal logits are a hit, as for the accuracy.
    let tie = told(TaskKind::Classification, &[[1.0, 1.0]], &[Target::Class(1)], 9);
    assert!(tie.worst.is_empty() && tie.by_class[0].accuracy == Some(100.0));
}

#[test]
fn sets_of_classes_have_average_precisions_and_mistakes() {
    let logits = [[2.0, -1.0], [1.0, -2.0], [-3.0, 1.5]];
    let targets = [vec![0], vec![], vec![0, 1]].map(Target::Classes);
    let details = told(TaskKind::MultiLabel, &logits, &targets, 9);
    // The ant's positives are at ranks 1 and 3, the cat's at rank 1.
    let expected = [
        ("ant", 2, 100.0 * f64::midpoint(1.0, 2.0 / 3.0)),
        ("cat", 1, 100.0),
    ];
    for (class, (name, images, precision)) in details.by_class.iter().zip(expected) {
        assert_eq!((class.class.as_str(), class.images), (name, images));
        assert!((class.average_precision.unwrap() - precision).abs() < 1e-9);
    }
    let worst: Vec<_> = details
        .worst
        .iter()
        .map(|wrong| (wrong.index, wrong.truth.as_str(), wrong.prediction.as_str()))
        .collect();
    assert_eq!(worst, [(20, "ant, cat", "cat"), (10, "nothing", "ant")]);
    // sigmoid(-3) sigmoid(1.5): the probability of the very set.
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let of_set = sigmoid(-3.0) * sigmoid(1.5);
    assert!((details.worst[0].probability_of_truth - of_set).abs() < 1e-9);
    assert!(details.confusion.is_none() && details.calibration.is_none());
}
