//! Students that were made of an ONNX file leave as that file, and what left with its norms trains again.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, path::Path};

use burn::tensor::DType;
use potstill_models::{GraphNetwork, GraphWeights, Model, OnnxOptions, PixelInput, TrainGraph};
use potstill_ops::{Frozen, Insertion, LayerConfig, Mode, Pass, Point, Taps, normalise_pixels};
use potstill_testing::numbers::scope;

use crate::formula::{fill, images, noise};
use crate::onnx_export::{computes_the_same, filled, near, values, write, written};

/// Files that networks were made of, exported in several ways.
const FILES: [&str; 22] = [
    "residual",
    "inverted",
    "gated",
    "hard",
    "shuffled",
    "dense",
    "convnext",
    "tokens",
    "windows",
    "padded",
    "squeezed",
    "branches",
    "fresh",
    "residual.C",
    "inverted.C",
    "residual.E",
    "inverted.E",
    "gated.E",
    "shuffled.E",
    "convnext.E",
    "tokens.E",
    "padded.E",
];

fn in_a_file(name: &str, classes: Option<usize>) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/onnx_student");
    let graph = TrainGraph::open(&path.join(format!("{name}.onnx")), None, [16, 16, 3]).unwrap();
    let classes = classes.unwrap_or(graph.classes);
    let network = GraphNetwork::build(graph, classes, GraphWeights::File, &scope()).unwrap();
    let mut network = network.into_model();
    fill(&mut network, noise, DType::F32);
    network
}

#[test]
fn students_in_files_are_written_as_their_files() {
    for name in FILES {
        let network = in_a_file(name, None);
        for keep_norms in [false, true] {
            let options = OnnxOptions {
                keep_norms,
                ..OnnxOptions::default()
            };
            computes_the_same(&network, 16, &options);
        }
    }
    computes_the_same(&in_a_file("residual", Some(7)), 16, &OnnxOptions::default());
}

#[test]
fn layers_points_and_pixels_are_put_into_files() {
    let mut network = in_a_file("residual", None);
    let point = Point::post("/layer1/relu_1/Relu_output_0");
    let insertion = Insertion {
        path: "letkd.0".into(),
        point: point.clone(),
        layer: LayerConfig::KdLayer {
            templates: 5,
            alpha: 0.5,
        },
    };
    network.insert(&insertion, [16, 16], &scope()).unwrap();
    fill(&mut network, noise, DType::F32);
    computes_the_same(&network, 16, &OnnxOptions::default());

    let options = OnnxOptions {
        points: vec![point.clone()],
        pixels: Some(PixelInput {
            size: [32, 32],
            shrink: 2,
            enlargement: None,
            reversed: false,
            mean: vec![0.5; 3],
            std: vec![0.25; 3],
        }),
        ..OnnxOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let read = written(&network, 16, &options, &folder.path().join("network.onnx"));
    assert_eq!(read.outputs().len(), 2);
    let given = images(2, 32, DType::F32) * 0.125 + 0.5;
    let shown = potstill_ops::adaptive_avg_pool(given.clone(), [16; 2]);
    let shown = normalise_pixels(shown, &[0.5; 3], &[0.25; 3]);
    let (mut ours, mut theirs) = (Taps::at([&point]), Taps::at([&point]));
    let expected = Frozen::new(&network)
        .get()
        .forward(shown, &mut Pass::visited(Mode::Running, &mut ours));
    let found = read
        .forward(given, &mut Pass::visited(Mode::Running, &mut theirs))
        .unwrap();
    near(
        "logits",
        &values(found.logits().unwrap()),
        &values(expected.logits().unwrap()),
    );
    let [ours, theirs] = [ours, theirs].map(|taps| values(&taps.get(&point).unwrap()));
    near("map", &theirs, &ours);
}

/// A network that left with its norms comes back as a student in a file: the same tensors under the same names, the same logits.
#[test]
fn what_leaves_with_its_norms_trains_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.onnx");
    for (name, size) in [
        ("cifar_resnet8", 32),
        ("cifar_wrn_16_1", 32),
        ("cifar_mobilenetv2_x0_5", 32),
        ("mobilenet_v3_small", 64),
        ("cifar_shufflenetv2", 32),
        ("vit_tiny_patch16_224", 224),
    ] {
        let network = filled(name, None);
        let options = OnnxOptions {
            keep_norms: true,
            ..OnnxOptions::default()
        };
        write(&network, size, &options, &file);
        let graph =
            TrainGraph::open(&file, None, [size, size, 3]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = GraphNetwork::build(graph, 10, GraphWeights::File, &scope()).unwrap();
        let again = again.into_model();
        let tensors = |network: &Model| {
            let mut tensors = BTreeMap::new();
            let names = network.names();
            network.parameters().each(&mut |entry, value| {
                let values: Vec<f32> = value.into_data().iter().collect();
                tensors.insert(names.published_name(&entry.path), (entry.shape.clone(), values));
            });
            tensors
        };
        assert!(tensors(&again) == tensors(&network), "{name}");
        let shown = images(2, size, DType::F32);
        let logits = |network: &Model| {
            let logits = Model::logits(&Frozen::new(network), shown.clone()).unwrap();
            values(&logits)
        };
        near(name, &logits(&again), &logits(&network));
    }
}
