//! ONNX files made by PyTorch give what PyTorch computes, tensor by tensor; files that do not fit say why.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::{Path, PathBuf};

use potstill_onnx::{Array, OnnxError, OnnxNetwork};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name)
}

fn open(name: &str) -> OnnxNetwork {
    OnnxNetwork::open(&file(name), None).unwrap()
}

fn reference() -> Value {
    serde_json::from_str(&std::fs::read_to_string(file("onnx.json")).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The images of the reference: `sin(0.9 i)`.
fn images(count: usize, size: usize) -> Array {
    let shape = vec![count, 3, size, size];
    Array {
        values: (0..shape.iter().product())
            .map(|i| (0.9 * i as f64).sin() as f32)
            .collect(),
        shape,
    }
}

#[track_caller]
fn equal(found: &Array, expected: &Value) {
    let shape: Vec<usize> = expected["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap() as usize)
        .collect();
    assert_eq!(found.shape, shape);
    for (found, expected) in found.values.iter().zip(floats(&expected["values"])) {
        assert!(
            (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
            "{found} is not {expected}"
        );
    }
}

/// The names that the two exporters of PyTorch give to the same tensors.
const NAMES: [(&str, [&str; 4]); 3] = [
    (
        "small.onnx",
        [
            "/Relu_output_0",
            "/conv2/Conv_output_0",
            "/ReduceMean_output_0",
            "logits",
        ],
    ),
    (
        "fixed.onnx",
        [
            "/Relu_output_0",
            "/conv2/Conv_output_0",
            "/ReduceMean_output_0",
            "logits",
        ],
    ),
    ("dynamo.onnx", ["relu", "conv2d_1", "mean", "logits"]),
];

#[test]
fn every_tensor_is_within_reach_by_its_name() {
    let expected = &reference()["small"]["of_3_images_8x8"];
    for (name, tensors) in NAMES {
        let found = open(name).run(&images(3, 8), &tensors).unwrap();
        for (found, part) in found.iter().zip(["first", "before", "pooled", "logits"]) {
            equal(found, &expected[part]);
        }
    }
}

#[test]
fn tokens_come_out_as_the_file_has_them() {
    let names = ["/norm/LayerNormalization_output_0", "logits"];
    let found = open("tokens.onnx").run(&images(2, 8), &names).unwrap();
    let expected = &reference()["tokens"]["of_2_images_8x8"];
    equal(&found[0], &expected["tokens"]);
    equal(&found[1], &expected["logits"]);
}

#[test]
fn a_file_for_two_images_takes_any_number() {
    let network = open("fixed.onnx");
    let five = network.run(&images(5, 8), &["logits"]).unwrap();
    assert_eq!(five[0].shape, [5, 10]);
    let three = network.run(&images(3, 8), &["logits"]).unwrap();
    assert_eq!(five[0].values[..30], three[0].values);
}

#[test]
fn a_survey_tells_every_shape_and_what_it_costs() {
    for name in ["small.onnx", "fixed.onnx", "dynamo.onnx"] {
        let network = open(name);
        let survey = network.survey([3, 8, 8]).unwrap();
        let shapes: Vec<&[usize]> = survey.tensors.iter().map(|(_, shape)| shape.as_slice()).collect();
        let maps: [&[usize]; 6] = [&[4, 8, 8], &[4, 8, 8], &[6, 4, 4], &[6, 4, 4], &[6], &[10]];
        assert_eq!(shapes, maps, "{name}");
        assert_eq!(
            (survey.shape("logits"), survey.shape("images")),
            (Some(&[10][..]), None)
        );
        assert_eq!(survey.macs, 64 * 4 * 27 + 16 * 6 * 36 + 60, "{name}");
        // The exporter has folded the batch norm into the convolution: its 8 numbers are now 4 biases.
        let parameters = reference()["small"]["parameters"].as_u64().unwrap() as usize;
        assert_eq!(network.parameters(), parameters - 4, "{name}");
    }
}

#[test]
fn open_sizes_take_other_images() {
    let survey = open("small.onnx").survey([3, 12, 20]).unwrap();
    assert_eq!(survey.tensors[0].1, [4, 12, 20]);
}

#[track_caller]
fn says(error: &OnnxError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn files_that_do_not_fit_say_why() {
    let refused =
        |name: &str, parts: &[&str]| says(&OnnxNetwork::open(&file(name), None).unwrap_err(), parts);
    refused("no_such.onnx", &["no_such.onnx", "No such file"]);
    refused("onnx.json", &["onnx.json", "no ONNX file"]);
    refused("channels_last.onnx", &["channels_last.onnx", "channels", "last"]);
    refused("two_inputs.onnx", &["2 inputs (images, images1)"]);
    let other = OnnxNetwork::open(&file("small.onnx"), Some("/fc/Gemm_output")).unwrap_err();
    says(
        &other,
        &[
            "no tensor `/fc/Gemm_output`",
            "its last are `",
            "`/ReduceMean_output_0`",
        ],
    );
    let near = OnnxNetwork::open(&file("small.onnx"), Some("/Relu_output")).unwrap_err();
    says(
        &near,
        &["no tensor `/Relu_output`", "did you mean `/Relu_output_0`?"],
    );
}

#[test]
fn an_operator_without_code_is_named() {
    let error = match OnnxNetwork::open(&file("unknown_operator.onnx"), None) {
        Err(error) => error,
        Ok(network) => network.survey([3, 8, 8]).unwrap_err(),
    };
    says(&error, &["unknown_operator.onnx", "Frobnicate"]);
}

#[test]
fn a_broken_file_is_an_error() {
    let whole = std::fs::read(file("small.onnx")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.onnx");
    for length in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(
            OnnxNetwork::open(&path, None).is_err(),
            "{length} bytes were taken"
        );
    }
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let network = open("fixed.onnx");
    let error = network.survey([3, 16, 16]).unwrap_err();
    says(
        &error,
        &["images of 8x8 with 3 channels, not of 16x16", "resize or crop"],
    );
    says(
        &network.survey([1, 8, 8]).unwrap_err(),
        &["3 channels", "1 channels", "grey"],
    );
    says(&network.run(&images(2, 9), &["logits"]).unwrap_err(), &["9x9"]);
}

#[test]
fn what_makes_probabilities_of_logits_is_told_with_what_goes_in() {
    let network = open("probabilities.onnx");
    assert_eq!(
        network.activation_before(network.logits()),
        Some(("Softmax", "/fc/Gemm_output_0"))
    );
    assert_eq!(network.activation_before("/fc/Gemm_output_0"), None);
}

#[test]
fn a_run_names_the_tensor_that_is_not_there() {
    let error = open("small.onnx")
        .run(&images(1, 8), &["/Relu_output_9"])
        .unwrap_err();
    says(
        &error,
        &["no tensor `/Relu_output_9`", "did you mean `/Relu_output_0`"],
    );
}
