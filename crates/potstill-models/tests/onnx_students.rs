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
use potstill_models::{GraphNetwork, GraphWeights, Model, TrainGraph, probe};
use potstill_ops::{BatchStatistics, Form, Frozen, Mode, Pass, PointSide, Role, Scope, Taps, Visitor};
use potstill_random::Seed;
use serde_json::Value;

const NETWORKS: [&str; 12] = [
    "residual", "inverted", "gated", "hard", "shuffled", "dense", "convnext", "tokens", "windows", "padded",
    "squeezed", "branches",
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference/onnx_student")
        .join(format!("{name}.onnx"))
}

fn reference(network: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/onnx_student.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[network].clone()
}

fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "student")
}

fn graph(name: &str) -> TrainGraph {
    TrainGraph::open(&file(name), None, [16, 16, 3]).unwrap()
}

fn network(name: &str) -> Model {
    let graph = graph(name);
    let classes = graph.classes;
    GraphNetwork::build(graph, classes, GraphWeights::File, &scope())
        .unwrap()
        .into_model()
}

/// `sin(0.9 i + step)` by flat index over `[N, C, H, W]`.
fn images(count: usize, step: f64) -> Tensor<4> {
    let all = count * 3 * 16 * 16;
    let values: Vec<f32> = (0..all).map(|at| (0.9 * at as f64 + step).sin() as f32).collect();
    Tensor::<4>::from_data(TensorData::new(values, [count, 3, 16, 16]), &Device::flex()).permute([0, 2, 3, 1])
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
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
fn near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
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
    let gradients = cross_entropy(logits).backward();
    let mut found = BTreeMap::new();
    model
        .parameters()
        .each_gradient(&gradients, &mut |entry, gradient| {
            found.insert(entry.path.clone(), values(gradient));
        });
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
        "residual", "inverted", "gated", "shuffled", "convnext", "tokens", "padded",
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
    let gradients = cross_entropy(logits).backward();
    let mut found = BTreeMap::new();
    model
        .parameters()
        .each_gradient(&gradients, &mut |entry, gradient| {
            found.insert(entry.path.clone(), values(gradient));
        });
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

#[test]
fn any_number_of_images_passes() {
    for name in NETWORKS {
        let model = Frozen::new(&network(name));
        let all = values(Model::logits(&model, images(9, 0.0)).unwrap());
        for count in [1, 3] {
            let few = values(Model::logits(&model, images(9, 0.0).narrow(0, 0, count)).unwrap());
            near(name, &few, &all[..count * 5], 1e-5);
        }
    }
}

/// Wants one point, and puts its map back doubled.
struct Doubling(String, bool);

impl Visitor for Doubling {
    fn wants(&self, path: &str, side: PointSide) -> bool {
        side == PointSide::Post && path == self.0
    }

    fn visit(&mut self, _: &str, _: PointSide, map: Tensor<4>) -> Tensor<4> {
        self.1 = true;
        map * 2.0
    }
}

#[test]
fn every_point_is_read_and_replaced() {
    for name in NETWORKS {
        let model = network(name);
        let points = probe(&model, [16, 16], &Device::flex()).unwrap().points;
        assert!(points.len() >= 4, "{name}: {points:?}");
        let frozen = Frozen::new(&model);
        let plain = values(Model::logits(&frozen, images(2, 0.0)).unwrap());
        let mut taps = Taps::at(points.iter().map(|(point, _)| point));
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        let logits = frozen
            .get()
            .forward(images(2, 0.0), &mut pass)
            .into_logits()
            .unwrap();
        near(name, &values(logits), &plain, 1e-4);
        for (point, size) in &points {
            let map = taps.map(point).unwrap();
            assert_eq!(map.dims()[1..], *size, "{name} at {point}");
            let mut doubling = Doubling(point.path.clone(), false);
            let mut pass = Pass::visited(Mode::Running, &mut doubling);
            let _ = frozen.get().forward(images(2, 0.0), &mut pass);
            assert!(doubling.1, "{name} at {point}");
        }
    }
}

#[test]
fn stages_are_found() {
    let ends = |name: &str| {
        let stages = graph(name).stages;
        stages.ends.into_iter().map(|end| end.post).collect::<Vec<_>>()
    };
    assert_eq!(
        ends("residual"),
        [
            "/Relu_output_0",
            "/layer1/relu_1/Relu_output_0",
            "/layer2/relu_1/Relu_output_0"
        ]
    );
}

#[test]
fn other_classes_draw_the_last_layer_anew() {
    let graph = graph("residual");
    let model = GraphNetwork::build(graph, 7, GraphWeights::File, &scope())
        .unwrap()
        .into_model();
    assert_eq!((model.classes(), model.names().head), (7, "fc"));
    let shapes: BTreeMap<_, _> = model
        .parameters()
        .entries()
        .into_iter()
        .map(|entry| (entry.path, entry.shape))
        .collect();
    assert_eq!(
        (&shapes["fc.weight"], &shapes["fc.bias"]),
        (&vec![7, 12], &vec![7])
    );
    let logits = Model::logits(&Frozen::new(&model), images(2, 0.0)).unwrap();
    assert_eq!(logits.dims(), [2, 7]);
    let squeezed = GraphNetwork::build(self::graph("squeezed"), 3, GraphWeights::File, &scope()).unwrap();
    let logits = Model::logits(&Frozen::new(&squeezed.into_model()), images(2, 0.0)).unwrap();
    assert_eq!(logits.dims(), [2, 3]);
}

#[test]
fn a_fresh_start_leaves_the_weights_of_the_file() {
    let drawn = |seed: u64| {
        let scope = Scope::new(&Device::flex(), Seed::new(seed), "student");
        let model = GraphNetwork::build(graph("residual"), 5, GraphWeights::Fresh, &scope)
            .unwrap()
            .into_model();
        let mut found = BTreeMap::new();
        model.parameters().each(&mut |entry, value| {
            found.insert(entry.path.clone(), values(value));
        });
        found
    };
    let (one, other) = (drawn(0), drawn(1));
    assert_ne!(one["conv1.weight"], other["conv1.weight"]);
    assert_eq!(one["bn1.weight"], vec![1.0; 8]);
    assert_eq!(one["bn1.running_var"], vec![1.0; 8]);
    assert_eq!(one["fc.bias"], vec![0.0; 5]);
}

/// From what a run keeps of a file, and a state dict, comes the same network.
#[test]
fn a_file_without_weights_is_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["residual", "tokens", "fresh"] {
        let whole = graph(name);
        let kept = folder.path().join(format!("{name}.onnx"));
        std::fs::write(&kept, &whole.skeleton).unwrap();
        let read = TrainGraph::reopen(&kept, [16, 16, 3]).unwrap();
        assert_eq!(read.steps, whole.steps);
        assert_eq!(read.layers, whole.layers);
        let shapes = |graph: &TrainGraph| {
            let tensors = graph.tensors.iter();
            tensors
                .map(|tensor| (tensor.name.clone(), tensor.shape.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shapes(&read), shapes(&whole));
        assert!(
            whole.skeleton.len() < 12_000,
            "{name}: {} bytes",
            whole.skeleton.len()
        );
    }
}

/// What a run keeps of a file whose logits were named knows them without the name.
#[test]
fn a_file_without_weights_keeps_its_logits() {
    let folder = tempfile::tempdir().unwrap();
    let named = TrainGraph::open(&file("residual"), Some("/Flatten_output_0"), [16, 16, 3]).unwrap();
    let kept = folder.path().join("kept.onnx");
    std::fs::write(&kept, &named.skeleton).unwrap();
    let read = TrainGraph::reopen(&kept, [16, 16, 3]).unwrap();
    assert_eq!((read.classes, read.logits), (named.classes, named.logits));
    assert_ne!(read.classes, graph("residual").classes);
    let as_file = TrainGraph::open(&kept, None, [16, 16, 3])
        .unwrap_err()
        .to_string();
    assert!(as_file.contains("without weights"), "{as_file}");
}

#[test]
fn what_cannot_be_trained_says_what_and_what_to_do() {
    let onnx = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../potstill-onnx/tests/reference/{name}.onnx"))
    };
    let refusal =
        |name: &str, size: [usize; 3]| TrainGraph::open(&onnx(name), None, size).unwrap_err().to_string();
    let probabilities = refusal("probabilities", [8, 8, 3]);
    assert!(probabilities.contains("by `logits`"), "{probabilities}");
    let levels = refusal("levels", [64, 32, 3]);
    assert!(levels.contains("row"), "{levels}");
    let two = refusal("tokens", [8, 8, 3]);
    assert!(
        two.contains("exported for 2 images at a time") && two.contains("dynamic_axes"),
        "{two}"
    );
    // A file that states a batch, and takes any.
    assert!(TrainGraph::open(&onnx("fixed"), None, [8, 8, 3]).is_ok());
    let grey = refusal("small", [8, 8, 1]);
    assert!(grey.contains("3 channels"), "{grey}");
}

/// Files with bytes changed, left out and cut off are refused, or pass images; none of them panics.
#[test]
fn bent_files_are_refused_or_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bent.onnx");
    let mut stream = Seed::new(3).stream("bent", &[]);
    let mut passed = 0;
    for name in ["inverted", "shuffled", "windows", "padded", "convnext", "gated.E"] {
        let whole = std::fs::read(file(name)).unwrap();
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=stream.below(3) {
                let at = stream.below(bytes.len());
                match stream.below(4) {
                    0 => bytes[at] ^= 1 << stream.below(8),
                    1 => bytes[at] = stream.below(256) as u8,
                    2 => drop(bytes.remove(at)),
                    _ if stream.chance(0.1) => bytes.truncate(at.max(1)),
                    _ => bytes[at] = [0, 1, 0x7f, 0xff][stream.below(4)],
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            let Ok(graph) = TrainGraph::open(&path, None, [16, 16, 3]) else {
                continue;
            };
            let classes = graph.classes;
            let Ok(network) = GraphNetwork::build(graph, classes, GraphWeights::File, &scope()) else {
                continue;
            };
            let logits = Model::logits(&Frozen::new(&network.into_model()), images(3, 0.0)).unwrap();
            assert_eq!(logits.dims(), [3, classes], "{name}");
            passed += 1;
        }
    }
    // Most changes fall on weights.
    assert!(passed > 50, "{passed}");
}
