//! A class per pixel: the loss is PyTorch's, ignored pixels count nowhere, images are measured in the size of their files.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_data::{Batch, LabelMap, Target, Truth};
use potstill_models::{DenseLogits, Outputs};
use potstill_tasks::{Segmentation, Targets, Task, TaskOptions, TermContext, pixel_cross_entropy};
use potstill_testing::numbers::{assert_near, map, number};

const SHAPE: [usize; 4] = [2, 5, 4, 6];

fn labels() -> Tensor<3, Int> {
    let labels: Vec<i32> = (0..48)
        .map(|i| match (7 * i) % 6 {
            5 => 255,
            label => label,
        })
        .collect();
    Tensor::from_data(TensorData::new(labels, [2, 4, 6]), &Device::flex())
}

fn logits() -> Tensor<4> {
    map(SHAPE, |i| (0.21 * i as f64).sin())
}

fn task(weights: Option<Vec<f64>>) -> Segmentation {
    Segmentation::new(TaskOptions {
        classes: ["road", "car", "tree", "sky", "sign"].map(String::from).to_vec(),
        class_weights: weights,
        ..TaskOptions::default()
    })
}

/// The numbers are PyTorch's `cross_entropy` with `ignore_index = 255`.
#[test]
fn the_loss_is_that_of_pytorch() {
    let outputs = Outputs::DenseLogits(DenseLogits {
        logits: logits(),
        auxiliary: Some(map(SHAPE, |i| (0.17 * i as f64).cos())),
        size: [4, 6],
    });
    let targets = Targets::Map(labels());
    let terms = task(None)
        .terms(&outputs, &targets, &TermContext::undrawn())
        .unwrap();
    let found: Vec<f64> = terms.iter().map(|term| number(&term.value)).collect();
    assert_near("terms", &found, &[1.85203, 1.83426], 1e-5);
    let total: f64 = terms
        .iter()
        .map(|term| number(&term.value) * term.factor.unwrap())
        .sum();
    assert_near("sum", &[total], &[2.58573], 1e-5);
    let weighted = pixel_cross_entropy(logits(), labels(), 0.0, Some(&[1.0, 2.0, 0.5, 1.0, 3.0]));
    assert_near("weighted", &[number(&weighted)], &[1.87455], 1e-5);
}

#[test]
fn a_batch_without_labels_costs_nothing() {
    let ignored = Tensor::full([2, 4, 6], 255, &Device::flex());
    assert_eq!(number(&pixel_cross_entropy(logits(), ignored, 0.1, None)), 0.0);
}

/// An image of 2x2 pixels of which the left column is class 0 and the right one class 1, padded to 2x3, from a file of 4x4.
fn padded() -> (Outputs, Batch) {
    let mut own = [[0.0f32; 5]; 6];
    for (place, row) in own.iter_mut().enumerate() {
        row[[0, 1, 2][place % 3]] = 50.0;
    }
    let logits = TensorData::new(own.as_flattened().to_vec(), [1, 2, 3, 5]);
    let small = LabelMap {
        height: 2,
        width: 2,
        labels: vec![0, 1, 0, LabelMap::IGNORE],
    };
    let large = LabelMap {
        height: 4,
        width: 4,
        labels: [[0, 0, 1, 1]; 4].as_flattened().to_vec(),
    };
    let batch = Batch {
        images: vec![0.0; 18],
        shape: [1, 2, 3, 3],
        valid: vec![[2, 2]],
        targets: vec![Target::Map(small)],
        truth: vec![Truth {
            size: [4, 4],
            target: Target::Map(large),
        }],
        indices: vec![0],
        second: Vec::new(),
    };
    let outputs = Outputs::DenseLogits(DenseLogits {
        logits: Tensor::from_data(logits, &Device::flex()),
        auxiliary: None,
        size: [2, 3],
    });
    (outputs, batch)
}

#[test]
fn padding_has_no_label_and_measures_are_taken_in_the_size_of_the_file() {
    let (outputs, batch) = padded();
    let task = task(None);
    let targets = task.targets(&batch, &Device::flex()).unwrap();
    let found: Vec<i64> = targets.map().unwrap().clone().into_data().iter().collect();
    assert_eq!(found, [0, 1, 255, 0, 255, 255]);
    let mut evaluator = task.evaluator();
    evaluator.add(&outputs, &batch).unwrap();
    let metrics = evaluator.finish();
    assert_eq!(
        (metrics["miou"], metrics["pixel_accuracy"]),
        (100.0, 100.0),
        "all 16 pixels of the file are right"
    );
    let classes = evaluator.details(0).by_class;
    assert_eq!((classes.len(), classes[1].iou), (2, Some(100.0)));
    let said = &task.predictions(&outputs, &batch).unwrap()[0];
    assert_eq!(
        (&said.target, said.scores.len()),
        (&batch.truth[0].target, 0),
        "the answer has the size of the file"
    );
    let sure = task.confidence(&outputs, &batch).unwrap();
    assert_near("confidence", &sure, &[1.0], 1e-6);
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    let (_, mut batch) = padded();
    if let Target::Map(map) = &mut batch.targets[0] {
        map.labels[0] = 7;
    }
    let error = task(None).targets(&batch, &Device::flex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an image has class 7 where there are 5 classes"
    );
}
