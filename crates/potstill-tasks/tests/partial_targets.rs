//! A batch of which only some images have labels.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Batch, BoundingBox, LabelMap, LabelledBox, Target};
use potstill_models::{DenseLogits, Outputs};
use potstill_tasks::{
    Targets, Task, TaskKind, TaskOptions, TermContext, targets_where_known, task, terms_where_known,
};
use potstill_testing::numbers::assert_near;

fn of(kind: TaskKind) -> std::sync::Arc<dyn Task> {
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    task(
        kind,
        TaskOptions {
            classes,
            ..TaskOptions::default()
        },
    )
}

/// Three images of 2x3 pixels; the first and the last are padded.
fn batch(targets: [Target; 3]) -> Batch {
    Batch {
        images: vec![0.0; 3 * 6 * 3],
        shape: [3, 2, 3, 3],
        valid: vec![[2, 2], [2, 3], [1, 3]],
        targets: targets.into(),
        truth: Vec::new(),
        second: Vec::new(),
        indices: vec![7, 8, 9],
    }
}

fn labels(height: usize, width: usize, labels: &[u8]) -> Target {
    Target::Map(LabelMap {
        height,
        width,
        labels: labels.to_vec(),
    })
}

/// Scores of each pixel that differ from one to the next.
fn scores() -> DenseLogits {
    let values: Vec<f32> = (0..3 * 6 * 3).map(|at| (at as f32 * 0.7).sin()).collect();
    DenseLogits {
        logits: Tensor::from_data(TensorData::new(values, [3, 2, 3, 3]), &Device::flex()),
        auxiliary: None,
        size: [2, 3],
    }
}

#[test]
fn the_loss_of_some_images_is_that_of_a_batch_of_them() {
    let task = of(TaskKind::Segmentation);
    let known = labels(2, 3, &[0, 1, 2, 255, 1, 0]);
    let partly = batch([Target::None, known.clone(), Target::None]);
    let targets = targets_where_known(task.as_ref(), &partly, &Device::flex()).unwrap();
    let outputs = Outputs::DenseLogits(scores());
    let terms = |outputs: &Outputs, targets: &Targets| {
        let terms = terms_where_known(task.as_ref(), outputs, targets, &TermContext::undrawn()).unwrap();
        terms[0].value.clone().into_data().iter::<f64>().next().unwrap()
    };
    let alone = Outputs::DenseLogits(DenseLogits {
        logits: scores().logits.narrow(0, 1, 1),
        ..scores()
    });
    let one = Batch {
        valid: vec![[2, 3]],
        targets: vec![known],
        shape: [1, 2, 3, 3],
        indices: vec![8],
        ..batch([Target::None, Target::None, Target::None])
    };
    let of_one = task.targets(&one, &Device::flex()).unwrap();
    assert_near(
        "loss",
        &[terms(&outputs, &targets)],
        &[terms(&alone, &of_one)],
        1e-6,
    );
}

#[test]
fn places_without_a_label_count_where_nothing_is_known_and_padding_never_does() {
    let task = of(TaskKind::Segmentation);
    let partly = batch([labels(2, 2, &[2, 255, 1, 1]), Target::None, Target::None]);
    let targets = targets_where_known(task.as_ref(), &partly, &Device::flex()).unwrap();
    let outputs = Outputs::DenseLogits(scores());
    let sets = task
        .rows(&outputs, &[&outputs], &targets, &TermContext::undrawn())
        .unwrap();
    let rows = &sets[0].student;
    let weights: Vec<f32> = rows.weights.clone().unwrap().into_data().iter().collect();
    let expected = [
        [1., 0., 0., 1., 1., 0.],
        [1., 1., 1., 1., 1., 1.],
        [1., 1., 1., 0., 0., 0.],
    ];
    assert_eq!(weights, expected.concat());
    assert!(rows.classes.is_none(), "the classes of two images are not known");
}

#[test]
fn padding_does_not_count_where_no_image_has_a_label() {
    let task = of(TaskKind::Segmentation);
    let unknown = batch([Target::None, Target::None, Target::None]);
    let targets = targets_where_known(task.as_ref(), &unknown, &Device::flex()).unwrap();
    let outputs = Outputs::DenseLogits(scores());
    let sets = task
        .rows(&outputs, &[&outputs], &targets, &TermContext::undrawn())
        .unwrap();
    let weights: Vec<f32> = sets[0]
        .student
        .weights
        .clone()
        .unwrap()
        .into_data()
        .iter()
        .collect();
    let expected = [
        [1., 1., 0., 1., 1., 0.],
        [1., 1., 1., 1., 1., 1.],
        [1., 1., 1., 0., 0., 0.],
    ];
    assert_eq!(weights, expected.concat());
    assert!(sets[0].student.classes.is_none());
    let terms = terms_where_known(task.as_ref(), &outputs, &targets, &TermContext::undrawn()).unwrap();
    assert!(terms.is_empty());
}

#[test]
fn an_image_without_labels_has_no_object_and_a_batch_without_any_has_no_terms() {
    let task = of(TaskKind::Detection);
    let object = LabelledBox::new(1, BoundingBox::new(0.0, 0.0, 2.0, 1.0));
    let partly = batch([Target::None, Target::Boxes(vec![object]), Target::Boxes(vec![])]);
    let targets = targets_where_known(task.as_ref(), &partly, &Device::flex()).unwrap();
    let Targets::Partial(partial) = &targets else {
        panic!("{targets:?}");
    };
    let objects = partial.objects().unwrap();
    let counts: Vec<usize> = objects.images.iter().map(|image| image.boxes.len()).collect();
    assert_eq!((counts, partial.places.clone()), (vec![0, 1, 0], vec![1, 2]));
    assert!(partial.map().is_err() && targets.objects().is_err());

    let none = batch([Target::None, Target::None, Target::None]);
    let targets = targets_where_known(task.as_ref(), &none, &Device::flex()).unwrap();
    let Targets::Partial(partial) = &targets else {
        panic!("{targets:?}");
    };
    let objects = partial.objects().unwrap();
    assert!(objects.images.iter().all(|image| image.boxes.is_empty()));
    assert_eq!(
        (objects.images.len(), objects.valid, objects.size),
        (3, none.valid, [2, 3])
    );
    let outputs = Outputs::DenseLogits(scores());
    let terms = terms_where_known(task.as_ref(), &outputs, &targets, &TermContext::undrawn()).unwrap();
    assert!(terms.is_empty());
}
