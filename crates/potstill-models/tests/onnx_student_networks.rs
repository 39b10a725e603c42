//! A network in an ONNX file is one like any other: its points, its stages, its classes, what a run keeps of it; or it is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, path::Path};

use burn::tensor::{Device, Tensor};
use potstill_models::{GraphNetwork, GraphWeights, Model, TrainGraph, probe};
use potstill_ops::{Frozen, Mode, Pass, PointSide, Scope, Taps, Visitor};
use potstill_random::Seed;

use crate::onnx_students::{NETWORKS, file, graph, images, near, network, scope, values};

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
