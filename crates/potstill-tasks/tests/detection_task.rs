//! The task of finding objects: what a batch teaches, what a step pays, and what is measured.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_data::{Batch, BoundingBox, LabelledBox, ObjectNotes, Target, TargetKind, Truth};
use potstill_detection::{AnchorGrid, BoxCoding, DecodeRule, PointMatcher};
use potstill_models::{
    BuildOptions, DenseDetections, DenseLearning, DenseLevelOutputs, DenseRules, Detections, Outputs, find,
};
use potstill_ops::{Mode, Pass};
use potstill_tasks::{Targets, TaskKind, TaskOptions, TermContext, task};
use potstill_testing::numbers::{number, scope};

fn labelled(class: u32, [left, top, right, bottom]: [f64; 4]) -> LabelledBox {
    LabelledBox::new(class, BoundingBox::new(left, top, right, bottom))
}

fn crowd(class: u32, corners: [f64; 4]) -> LabelledBox {
    let notes = ObjectNotes {
        crowd: true,
        ..ObjectNotes::default()
    };
    LabelledBox {
        notes,
        ..labelled(class, corners)
    }
}

/// Two images of 32x32, the second of which has no object; their files have twice the size.
fn batch() -> Batch {
    let boxes = vec![
        labelled(1, [4.0, 4.0, 40.0, 20.0]),
        crowd(0, [0.0, 0.0, 9.0, 9.0]),
    ];
    let in_file = vec![
        labelled(1, [8.0, 8.0, 64.0, 40.0]),
        crowd(0, [0.0, 0.0, 18.0, 18.0]),
    ];
    let truth = |boxes| Truth {
        size: [64, 64],
        target: Target::Boxes(boxes),
    };
    Batch {
        images: vec![0.5; 2 * 32 * 32 * 3],
        shape: [2, 32, 32, 3],
        valid: vec![[32, 32]; 2],
        targets: vec![Target::Boxes(boxes), Target::Boxes(vec![])],
        truth: vec![truth(in_file), truth(vec![])],
        indices: vec![5, 7],
        second: Vec::new(),
    }
}

fn detection() -> std::sync::Arc<dyn potstill_tasks::Task> {
    let classes = vec!["disc".into(), "square".into()];
    task(
        TaskKind::Detection,
        TaskOptions {
            classes,
            ..TaskOptions::default()
        },
    )
}

/// A detector of one map of 4x4 places that says only what is said of one place of the first image.
fn outputs(place: usize, class: usize, ways: [f32; 4]) -> Outputs {
    let device = Device::flex();
    let mut logits = vec![-10.0_f32; 2 * 16 * 2];
    logits[place * 2 + class] = 10.0;
    let mut codes = vec![0.0_f32; 2 * 16 * 4];
    codes[place * 4..place * 4 + 4].copy_from_slice(&ways);
    let rows = |values: &[f32], columns| Tensor::<1>::from_floats(values, &device).reshape([2, 16, columns]);
    let level = DenseLevelOutputs {
        size: [4, 4],
        logits: rows(&logits, 2),
        codes: rows(&codes, 4),
        centerness: None,
    };
    let rules = DenseRules {
        anchors: AnchorGrid::fcos_at(&[8]),
        coding: BoxCoding::Distances,
        detections: DecodeRule::fcos(),
        learning: DenseLearning::Points(PointMatcher::fcos()),
    };
    Outputs::Detections(Box::new(Detections::Dense(DenseDetections {
        levels: vec![level],
        rules,
        size: [32, 32],
    })))
}

#[test]
fn a_batch_teaches_what_is_inside_its_images_and_no_groups() {
    let targets = detection().targets(&batch(), &Device::flex()).unwrap();
    let Targets::Objects(objects) = &targets else {
        panic!("{targets:?}")
    };
    assert_eq!(targets.kind(), TargetKind::Boxes);
    assert_eq!(objects.images[0].boxes, [[4.0, 4.0, 32.0, 20.0]]);
    assert_eq!(
        (objects.images[0].classes.clone(), objects.images[1].boxes.len()),
        (vec![1], 0)
    );

    let mut wrong = batch();
    wrong.targets[1] = Target::Boxes(vec![labelled(2, [0.0, 0.0, 4.0, 4.0])]);
    let error = detection().targets(&wrong, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("class 2 where there are 2"), "{error}");
    wrong.targets[1] = Target::Class(0);
    assert!(detection().targets(&wrong, &Device::flex()).is_err());
}

/// Place 5 is at 8, 8: the ways to the sides of the box are 4, 4, 24 and 12, in strides of 8.
#[test]
fn what_is_found_is_measured_in_the_size_of_the_file() {
    let task = detection();
    let right = outputs(5, 1, [0.5, 0.5, 3.0, 1.5]);
    let mut evaluator = task.evaluator();
    evaluator.add(&right, &batch()).unwrap();
    let found = evaluator.finish();
    // The box of the file reaches over the edge of the image by nothing: all of it is found.
    assert!((found["ap"] - 100.0).abs() < 1e-6, "{found:?}");
    assert_eq!(found.get("ap_small"), None, "there is no small object");
    let by_class = evaluator.details(3).by_class;
    assert_eq!(
        (by_class.len(), by_class[0].class.as_str(), by_class[0].images),
        (1, "square", 1)
    );

    let said = task.predictions(&right, &batch()).unwrap();
    assert_eq!(
        said[0].target,
        Target::Boxes(vec![labelled(1, [8.0, 8.0, 64.0, 40.0])])
    );
    assert!(said[0].scores[0] > 0.99 && said[1].scores.is_empty());
    let confidence = task.confidence(&right, &batch()).unwrap();
    assert!(confidence[0] > 0.99 && confidence[1].is_nan());

    let mut evaluator = task.evaluator();
    evaluator
        .add(&outputs(5, 0, [0.5, 0.5, 3.0, 1.5]), &batch())
        .unwrap();
    assert_eq!(evaluator.finish()["ap"], 0.0, "another class");
}

#[test]
fn every_kind_of_detector_learns() {
    let options = BuildOptions {
        classes: Some(2),
        ..BuildOptions::default()
    };
    for (name, side, terms) in [
        ("fcos_cifar_resnet8", 32, vec!["classes", "boxes", "centerness"]),
        ("fastestdet_0_5", 64, vec!["boxes", "objectness", "classes"]),
    ] {
        let network = find(name).unwrap().build(options, &scope()).unwrap();
        let images = Tensor::ones([2, side, side, 3], &Device::flex());
        let outputs = network.forward(images, &mut Pass::new(Mode::Batch));
        let targets = detection().targets(&batch(), &Device::flex()).unwrap();
        let found = detection()
            .terms(&outputs, &targets, &TermContext::undrawn())
            .unwrap();
        assert_eq!(
            found.iter().map(|term| term.name.as_str()).collect::<Vec<_>>(),
            terms,
            "{name}"
        );
        let loss = found
            .into_iter()
            .map(|term| term.value)
            .reduce(|sum, value| sum + value)
            .unwrap();
        assert!(number(&loss).is_finite() && number(&loss) > 0.0, "{name}");
        let mut reached = 0;
        network
            .parameters()
            .each_gradient(&loss.backward(), &mut |_, _| reached += 1);
        assert!(reached > 30, "{name}: {reached} gradients");
    }
}
