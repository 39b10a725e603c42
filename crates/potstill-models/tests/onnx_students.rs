//! Files that train: a step of a network in an ONNX file is the step of the PyTorch module that it was exported from.
//!
//! The reference (`tools/onnx_student_reference.py`) has a small network for each pattern that is found in files. Compared are the names
//! and shapes of its tensors, its logits in evaluation and in training, the gradient of every parameter and every running statistic
//! after two passes: in the fast form and in the portable one.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use potstill_models::{GraphNetwork, GraphWeights, Model, TrainGraph};
use potstill_ops::{BatchStatistics, Form, Frozen, Mode, Pass, Role, Scope};
use potstill_random::Seed;
use serde_json::Value;

pub(crate) const NETWORKS: [&str; 14] = [
    "residual", "inverted", "gated", "hard", "shuffled", "dense", "convnext", "tokens", "windows", "padded",
    "squeezed", "branches", "blurred", "plain",
];

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference/onnx_student")
        .join(format!("{name}.onnx"))
}

fn reference(network: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/onnx_student.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[network].clone()
}

pub(crate) fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "student")
}

pub(crate) fn graph(name: &str) -> TrainGraph {
    TrainGraph::open(&file(name), None, [16, 16, 3]).unwrap()
}

pub(crate) fn network(name: &str) -> Model {
    let graph = graph(name);
    let classes = graph.classes;
    GraphNetwork::build(graph, classes, GraphWeights::File, &scope())
        .unwrap()
        .into_model()
}

/// `sin(0.9 i + step)` by flat index over `[N, C, H, W]`.
pub(crate) fn images(count: usize, step: f64) -> Tensor<4> {
    let all = count * 3 * 16 * 16;
    let values: Vec<f32> = (0..all).map(|at| (0.9 * at as f64 + step).sin() as f32).collect();
    Tensor::<4>::from_data(TensorData::new(values, [count, 3, 16, 16]), &Device::flex()).permute([0, 2, 3, 1])
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
    values.into_iter().map(f64::from).collect()
}

/// The three numbers that the reference keeps of a tensor.
fn projections(values: &[f64]) -> [f64; 3] {
    let sum = |wave: fn(f64) -> f64| {
        let terms = values
            .iter()
            .enumerate()
            .map(|(at, value)| value * wave(at as f64));
        terms.sum::<f64>()
    };
    let largest = values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    [sum(|at| (0.37 * at).sin()), sum(|at| (0.61 * at).cos()), largest]
}

#[track_caller]
pub(crate) fn near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}: {found} is not {expected}, within {tolerance}"
        );
    }
}

/// Holds the projections of tensors to those of the reference, by name.
#[track_caller]
fn near_by_name(what: &str, found: &BTreeMap<String, Vec<f64>>, expected: &Value, share: f64) {
    let expected = expected.as_object().unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), {
        let mut names: Vec<_> = expected.keys().collect();
        names.sort();
        names
    });
    let largest = expected
        .values()
        .map(|projections| numbers(projections)[2])
        .fold(0.0, f64::max);
    for (name, values) in found {
        // Rounding adds up over a sum.
        let tolerance = share * largest * (values.len() as f64).sqrt();
        let what = format!("{what} of {name}");
        near(&what, &projections(values), &numbers(&expected[name]), tolerance);
    }
}

fn cross_entropy(logits: Tensor<2>) -> Tensor<1> {
    let labels: Vec<i32> = (0..logits.dims()[0] as i32).map(|label| label % 5).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [logits.dims()[0]]), &logits.device());
    log_softmax(logits, 1)
        .gather(1, labels.unsqueeze_dim(1))
        .mean()
        .neg()
}

/// One training pass; what it leaves for the running statistics.
fn pass(model: &Model, images: Tensor<4>) -> (Tensor<2>, Vec<BatchStatistics>) {
    let mut pass = Pass::new(Mode::Batch);
    let logits = model.forward(images, &mut pass).into_logits().unwrap();
    (logits, pass.into_batch_statistics())
}

#[track_caller]
/// The gradients of the cross-entropy, by the names of the parameters.
fn gradients(model: &Model, logits: Tensor<2>) -> BTreeMap<String, Vec<f64>> {
    let gradients = cross_entropy(logits).backward();
    let mut found = BTreeMap::new();
    model
        .parameters()
        .each_gradient(&gradients, &mut |entry, gradient| {
            found.insert(entry.path.clone(), values(gradient));
        });
    found
}

fn trains_as_in_pytorch(name: &str, reference_of: &str) {
    let expected = reference(reference_of);
    let mut model = network(name);
    let state: BTreeMap<String, Vec<usize>> = model
        .parameters()
        .entries()
        .into_iter()
        .map(|entry| (entry.path, entry.shape))
        .collect();
    let shapes = expected["state"].as_object().unwrap().iter();
    let shapes: BTreeMap<String, Vec<usize>> = shapes
        .map(|(name, shape)| {
            (
                name.clone(),
                numbers(shape).iter().map(|&size| size as usize).collect(),
            )
        })
        .collect();
    assert_eq!(state, shapes, "{name}");

    // Exporting in training mode moves the running statistics.
    let has_moved = name.contains(".C");
    let evaluated = values(Model::logits(&Frozen::new(&model), images(4, 0.0)).unwrap());
    if !has_moved {
        near(
            &format!("{name}, evaluation"),
            &evaluated,
            &numbers(&expected["evaluation"]),
            2e-5,
        );
    }

    let (logits, statistics) = pass(&model, images(4, 0.0));
    let trained = values(logits.clone().inner());
    near(
        &format!("{name}, training"),
        &trained,
        &numbers(&expected["training"]),
        2e-4,
    );
    let found = gradients(&model, logits);
    near_by_name(&format!("{name}, gradient"), &found, &expected["gradients"], 1e-4);

    if has_moved {
        return;
    }
    BatchStatistics::update_running_stats(&statistics, model.parameters_mut());
    let (_, statistics) = pass(&model, images(4, 1.0));
    BatchStatistics::update_running_stats(&statistics, model.parameters_mut());
    let mut found = BTreeMap::new();
    model.parameters().each(&mut |entry, value| {
        if entry.role == Role::Buffer {
            found.insert(entry.path.clone(), values(value));
        }
    });
    near_by_name(
        &format!("{name}, statistic"),
        &found,
        &expected["statistics"],
        1e-5,
    );
}

#[test]
fn a_file_trains_as_the_module_that_it_was_exported_from() {
    for name in NETWORKS {
        Form::Fast.with(|| trains_as_in_pytorch(name, name));
    }
}

#[test]
fn a_file_trains_so_in_the_portable_form_as_well() {
    for name in NETWORKS {
        Form::Portable.with(|| trains_as_in_pytorch(name, name));
    }
}

#[test]
fn files_of_other_exporters_are_the_same_network() {
    for name in ["residual", "inverted"] {
        trains_as_in_pytorch(&format!("{name}.C"), name);
    }
    for name in [
        "residual", "inverted", "gated", "shuffled", "convnext", "tokens", "padded", "plain",
    ] {
        trains_as_in_pytorch(&format!("{name}.E"), name);
    }
}

#[test]
fn folded_batch_norms_are_warned_of() {
    for name in ["residual.A", "residual.D"] {
        let notes = graph(name).notes.join("\n");
        assert!(
            notes.contains("no batch norm") && notes.contains("do_constant_folding=False"),
            "{name}: {notes}"
        );
    }
    for name in ["residual", "residual.E", "convnext", "squeezed"] {
        let notes = graph(name).notes;
        let is_warned = notes.iter().any(|note| note.contains("no batch norm"));
        assert_eq!(is_warned, name == "squeezed", "{name}: {notes:?}");
    }
    assert!(graph("inverted.C").notes.join("\n").contains("dropout"));
}

#[test]
fn units_are_found() {
    let units = |name: &str| graph(name).units();
    // Every batch norm is in a unit; three of the residual network's five take a sum or stand alone.
    assert_eq!(units("residual"), 6);
    assert_eq!(units("inverted"), 4);
    assert_eq!(units("branches"), 4);
    // With the norm, the sum and the activation in it nothing is left between two convolutions.
    let steps = |name: &str| {
        let graph = graph(name);
        let kinds = graph.steps.iter().map(|step| format!("{:?}", step.op));
        kinds
            .map(|op| op.split(['(', ' ']).next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        steps("residual"),
        [
            "Unit",
            "MaxPool",
            "Unit",
            "Unit",
            "Unit",
            "Unit",
            "Unit",
            "GlobalMean",
            "Reshape",
            "Linear"
        ]
    );
    assert_eq!(
        steps("shuffled"),
        [
            "Unit",
            "AveragePool",
            "Slice",
            "Unit",
            "Unit",
            "Unit",
            "Slice",
            "Concat",
            "Shuffle",
            "GlobalMean",
            "Reshape",
            "Linear"
        ]
    );
    assert!(
        steps("convnext").iter().all(|op| op != "Permute"),
        "{:?}",
        steps("convnext")
    );
}

/// Tensors that the exporter stored once train by themselves.
#[test]
fn merged_tensors_of_a_fresh_file_move_by_themselves() {
    let model = network("fresh");
    let (logits, _) = pass(&model, images(4, 0.0));
    let found = gradients(&model, logits);
    let scales = [
        "bn1.weight",
        "layer1.bn1.weight",
        "layer1.bn2.weight",
        "layer2.downsample.1.weight",
    ];
    for (at, one) in scales.iter().enumerate() {
        for other in &scales[at + 1..] {
            assert_ne!(found[*one], found[*other], "{one} and {other}");
        }
    }
}
