//! The outputs of ONNX files, by task: they are those of the PyTorch modules, and what does not fit says why.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::{Detections, OnnxModel, OnnxOutputs, OutputKind, Outputs};
use potstill_ops::{Mode, Pass};
use potstill_testing::numbers::assert_near;
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../potstill-onnx/tests/reference")
        .join(name)
}

/// What PyTorch computes of two images: shape `[N, C, H, W]` and values.
fn reference(network: &str, images: &str, tensor: &str) -> ([usize; 4], Vec<f64>) {
    let text = std::fs::read_to_string(file("onnx_dense.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let recorded = &all[network][images][tensor];
    let numbers = |key: &str| -> Vec<f64> {
        let values = recorded[key].as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap()).collect()
    };
    let shape: Vec<usize> = numbers("shape").iter().map(|side| *side as usize).collect();
    (shape.try_into().unwrap(), numbers("values"))
}

fn images(height: usize, width: usize) -> Tensor<4> {
    let count = 2 * 3 * height * width;
    let values: Vec<f32> = (0..count).map(|at| (0.9 * at as f64).sin() as f32).collect();
    Tensor::<4>::from_data(TensorData::new(values, [2, 3, height, width]), &Device::flex())
        .permute([0, 2, 3, 1])
}

fn named(kind: OutputKind, classes: usize, logits: &[&str]) -> OnnxOutputs {
    OnnxOutputs {
        logits: logits.iter().map(|&name| name.into()).collect(),
        ..OnnxOutputs::of(kind, Some(classes))
    }
}

fn outputs(name: &str, asked: &OnnxOutputs, size: [usize; 2]) -> Outputs {
    // Surveyed at another size than it runs at.
    let network = OnnxModel::open(&file(name), asked, [64, 32, 3]).unwrap();
    network
        .forward(images(size[0], size[1]), &mut Pass::new(Mode::Running))
        .unwrap()
}

/// Maps `[N, h, w, C]` against `[N, C, h, w]`.
#[track_caller]
fn equal(found: &Tensor<4>, expected: &([usize; 4], Vec<f64>)) {
    let found = found.clone().permute([0, 3, 1, 2]);
    assert_eq!(found.dims(), expected.0);
    let values: Vec<f64> = found.into_data().iter().collect();
    assert_near("map", &values, &expected.1, 1e-4);
}

fn cells(name: &str, logits: &[&str]) -> potstill_models::CellMaps {
    let found = outputs(name, &named(OutputKind::Boxes, 3, logits), [32, 48]);
    match found {
        Outputs::Detections(detections) => match *detections {
            Detections::Cells(found) => found.cells,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fastestdet_publishes_is_read_back_to_logits() {
    let of = |tensor: &str| reference("cells", "of_2_images_32x48", tensor);
    let published = cells("cells.onnx", &[]);
    equal(&published.published(), &of("output"));
    equal(&published.objectness, &of("obj"));
    equal(&published.codes, &of("reg"));
    let raw = cells(
        "cells.onnx",
        &["/obj/Conv_output_0", "/reg/Conv_output_0", "/cls/Conv_output_0"],
    );
    equal(&raw.logits, &of("cls"));
    equal(&raw.published(), &of("output"));
}

/// They are probabilities here, and nobody said that they are logits.
#[test]
fn three_maps_without_names_are_not_taken_for_logits() {
    let of = |logits: &[&str]| {
        let asked = named(OutputKind::Boxes, 3, logits);
        OnnxModel::open(&file("three_maps.onnx"), &asked, [32, 48, 3])
    };
    let unread = of(&[]).unwrap();
    assert!(!unread.answers() && unread.classes() == 0);
    let said = of(&["objects", "boxes", "classes"]).err().unwrap().to_string();
    assert!(
        said.contains("`objects`") && said.contains("comes out of a Sigmoid"),
        "{said}"
    );
}

#[test]
fn the_levels_of_a_detector_are_read_by_their_names() {
    let names = ["scores0", "scores1", "scores2"];
    let asked = named(OutputKind::Masks, 3, &names);
    let found = outputs("levels.onnx", &asked, [16, 32]);
    let Detections::Places(places) = found.detections().unwrap() else {
        panic!("{found:?}");
    };
    assert_eq!(found.kind(), OutputKind::Boxes);
    let levels = places.split(&[32, 8, 2]).unwrap();
    for (level, name) in levels.into_iter().zip(names) {
        let expected = reference("levels", "of_2_images_16x32", name);
        let [count, classes, height, width] = expected.0;
        equal(&level.reshape([count, height, width, classes]), &expected);
    }
    assert!(places.split(&[32, 8]).is_none() && places.split(&[32, 8, 3]).is_none());

    // Without names nobody knows which of six maps are classes: features teach.
    let unread = OnnxModel::open(
        &file("levels.onnx"),
        &named(OutputKind::Boxes, 3, &[]),
        [16, 32, 3],
    )
    .unwrap();
    assert!(!unread.answers() && unread.classes() == 0);
    assert!(
        unread
            .probe()
            .points
            .iter()
            .any(|(point, size)| point.path == "scores1" && *size == [2, 4, 3])
    );
}

#[test]
fn a_segmenter_gives_logits_at_the_size_of_the_tensor_that_is_named() {
    let of = |tensor: &str| reference("segmenter", "of_2_images_4x6", tensor);
    let dense = |logits: &[&str]| {
        let asked = named(OutputKind::DenseLogits, 3, logits);
        outputs("segmenter.onnx", &asked, [4, 6])
            .into_dense_logits()
            .unwrap()
    };
    equal(&dense(&[]).logits, &of("output"));
    let half = dense(&["/head/Conv_output_0"]);
    equal(&half.logits, &of("logits"));
    // The exporter's resize and ours are the same.
    equal(&half.full(), &of("output"));
}

#[test]
fn what_does_not_fit_names_the_tensor_and_its_shape() {
    let refused = |name: &str, asked: &OnnxOutputs| {
        OnnxModel::open(&file(name), asked, [32, 48, 3])
            .err()
            .unwrap()
            .to_string()
    };
    let says = |message: &str, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    let boxes = |classes, logits: &[&str]| named(OutputKind::Boxes, classes, logits);
    says(
        &refused("cells.onnx", &boxes(5, &["output"])),
        &[
            "`output`",
            "[8, 2, 3]",
            "10 channels",
            "5 classes",
            "features alone",
        ],
    );
    says(
        &refused("cells.onnx", &boxes(3, &["/cls/Conv_output"])),
        &[
            "no tensor `/cls/Conv_output`",
            "did you mean `/cls/Conv_output_0`?",
        ],
    );
    says(
        &refused("cells.onnx", &boxes(3, &["/Softmax_output_0"])),
        &[
            "`/Softmax_output_0`",
            "comes out of a Softmax",
            "/cls/Conv_output_0",
        ],
    );
    let row = named(OutputKind::DenseLogits, 10, &[]);
    says(
        &OnnxModel::open(&file("small.onnx"), &row, [8, 8, 3])
            .err()
            .unwrap()
            .to_string(),
        &[
            "`logits`",
            "it is [10]",
            "for an image of 8x8",
            "`/conv2/Conv_output_0` of [6, 4, 4]",
        ],
    );
    says(
        &refused("segmenter.onnx", &named(OutputKind::Logits, 3, &[])),
        &["`output`", "[3, 32, 48]", "not one row"],
    );
}

#[test]
fn a_classifier_gives_one_row_an_image_and_no_probabilities() {
    let rows = |name: &str, logits: &[&str]| {
        OnnxModel::open(&file(name), &named(OutputKind::Logits, 10, logits), [8, 8, 3])
    };
    let refused = |name: &str, logits: &[&str]| rows(name, logits).err().unwrap().to_string();
    let said = refused("probabilities.onnx", &[]);
    assert!(
        said.contains("Softmax") && said.contains("logits = \"/fc/Gemm_output_0\""),
        "{said}"
    );
    assert_eq!(
        rows("probabilities.onnx", &["/fc/Gemm_output_0"])
            .unwrap()
            .classes(),
        10
    );
    let said = refused("no_logits.onnx", &[]);
    assert!(
        said.contains("[3, 8, 8]") && said.contains("not one row"),
        "{said}"
    );
    let said = refused("small.onnx", &["/Relu_output_0"]);
    assert!(
        said.contains("[4, 8, 8]") && said.contains("`logits` of 10"),
        "{said}"
    );
}
