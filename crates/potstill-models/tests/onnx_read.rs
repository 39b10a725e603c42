//! Files whose graphs are easily misread, each written here: what is read of them is what they are, or they are refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use potstill_models::{
    GraphNetwork, GraphStart, GraphWeights, HeadWeights, Model, ModelError, OnnxOptions, onnx_file,
};
use potstill_onnx::{Array, OnnxNetwork, write::Attribute};
use potstill_ops::Frozen;

use crate::{
    onnx_sketch::{Sketch, holds, images_of, read, refusal},
    onnx_students::{graph, near, scope, values},
};

#[test]
fn what_was_read_is_held_to_the_file() {
    assert!(GraphNetwork::proven(graph("residual"), &scope()).is_ok());
    let mut misread = graph("residual");
    let weight = misread
        .tensors
        .iter_mut()
        .find(|tensor| tensor.name == "layer1.conv2.weight");
    let weight = weight.unwrap();
    weight.values = weight.values.iter().map(|value| value * 1.5).collect();
    let Err(ModelError::Onnx(error)) = GraphNetwork::proven(misread, &scope()) else {
        panic!("other weights are not noticed");
    };
    let said = error.to_string();
    assert!(said.contains("first in `/layer1/conv2/Conv_output_0`"), "{said}");
    assert!(said.contains("fault of Potstill"), "{said}");
}

#[test]
fn a_head_starts_anew_where_that_is_asked_for() {
    let start = GraphStart {
        weights: GraphWeights::File,
        head: HeadWeights::New,
    };
    let weights = |start: GraphStart| {
        let model = GraphNetwork::build(graph("residual"), 5, start, &scope())
            .unwrap()
            .into_model();
        let mut found = BTreeMap::new();
        model.parameters().each(&mut |entry, value| {
            found.insert(entry.path.clone(), values(value));
        });
        found
    };
    let (kept, anew) = (weights(GraphStart::default()), weights(start));
    assert_eq!(kept["conv1.weight"], anew["conv1.weight"]);
    assert_ne!(kept["fc.weight"], anew["fc.weight"]);
    let mut headless = graph("residual");
    headless.head = None;
    let refused = GraphNetwork::build(headless, 5, start, &scope())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("head = \"new\""), "{refused}");
}

#[test]
fn sizes_of_images_are_tried_before_they_pass() {
    assert!(graph("residual").takes_size([24, 20]) && graph("shuffled").takes_size([24, 24]));
    for name in ["tokens", "windows"] {
        assert!(!graph(name).takes_size([24, 24]), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    // Places added to a map, a linear layer over columns.
    let (mut sketch, images) = Sketch::new();
    let places = sketch.floats("places", &[1, 3, 8, 8]);
    let map = sketch.node("Add", &[&images, &places], vec![]);
    let placed = sketch
        .classified(&map, 3, "logits")
        .written(folder.path(), "placed.onnx");
    let (mut sketch, images) = Sketch::new();
    let weight = sketch.floats("columns.weight", &[8, 8]);
    let map = sketch.node("MatMul", &[&images, &weight], vec![]);
    let columns = sketch
        .classified(&map, 3, "logits")
        .written(folder.path(), "columns.onnx");
    for path in [placed, columns] {
        let network = holds(&path);
        assert!(network.check([8, 8, 3]).is_ok());
        let refused = network.check([16, 16, 3]).unwrap_err().to_string();
        assert!(refused.contains("images of 8x8"), "{refused}");
    }
}

/// A classifier whose rows come out of `view(-1, 3)`, as `x.view(-1, num_classes)` is exported, or with the batch computed.
fn viewed(folder: &Path, batch_is_computed: bool) -> PathBuf {
    let (sketch, images) = Sketch::new();
    let mut sketch = sketch.classified(&images, 3, "fc");
    let sizes = if batch_is_computed {
        let shape = sketch.node("Shape", &["fc"], vec![]);
        let [zero, one, classes] = [0, 1, 3].map(|number| sketch.0.list(&[number]));
        let first = sketch.node("Slice", &[&shape, &zero, &one], vec![]);
        sketch.node("Concat", &[&first, &classes], vec![Attribute::Int("axis", 0)])
    } else {
        sketch.0.list(&[-1, 3])
    };
    sketch.0.node_as("Reshape", &["fc", &sizes], vec![], "logits");
    sketch.written(folder, "viewed.onnx")
}

#[test]
fn other_classes_leave_a_file_that_states_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for batch_is_computed in [false, true] {
        let path = viewed(folder.path(), batch_is_computed);
        holds(&path);
        let network = GraphNetwork::build(read(&path), 7, GraphWeights::File, &scope())
            .unwrap()
            .into_model();
        let images = images_of(2);
        let ours = Model::logits(&Frozen::new(&network), images.clone()).unwrap();
        assert_eq!(ours.dims(), [2, 7]);
        let out = folder.path().join("out.onnx");
        let file = onnx_file(&network, [8, 8, 3], &OnnxOptions::default(), BTreeMap::new()).unwrap();
        file.write(&out).unwrap();
        let given = Array {
            shape: vec![2, 3, 8, 8],
            values: images.permute([0, 3, 1, 2]).into_data().iter().collect(),
        };
        let written = OnnxNetwork::open(&out, None)
            .unwrap()
            .run(&given, &["logits"])
            .unwrap()
            .remove(0);
        assert_eq!(written.shape, [2, 7]);
        let written: Vec<f64> = written.values.into_iter().map(f64::from).collect();
        near("the file", &written, &values(ours), 1e-5);
    }
}

#[test]
fn probabilities_are_known_behind_what_moves_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (sketch, images) = Sketch::new();
    let mut sketch = sketch.classified(&images, 3, "fc");
    let likely = sketch.node("Softmax", &["fc"], vec![Attribute::Int("axis", 1)]);
    let rows = sketch.node("Flatten", &[&likely], vec![]);
    sketch.0.node_as("Identity", &[&rows], vec![], "logits");
    let said = refusal(&sketch.written(folder.path(), "likely.onnx"));
    assert!(
        said.contains("Softmax makes probabilities") && said.contains("`fc`"),
        "{said}"
    );
}

/// Filters that are computed, matrices and filters of rows are drawn; a power and scales keep the file's values.
#[test]
fn a_fresh_start_draws_what_convolves() {
    let drawn = |seed: u64| {
        let scope = potstill_ops::Scope::new(&Device::flex(), potstill_random::Seed::new(seed), "student");
        let fresh = GraphNetwork::build(graph("blurred"), 5, GraphWeights::Fresh, &scope).unwrap();
        let mut found = BTreeMap::new();
        fresh.into_model().parameters().each(&mut |entry, value| {
            found.insert(entry.path.clone(), values(value));
        });
        found
    };
    let (one, other) = (drawn(0), drawn(1));
    assert_ne!(one["conv.weight"], other["conv.weight"]);
    assert_eq!(one["p"], vec![3.0]);
    assert_eq!(graph("blurred").left_by_fresh(), (vec!["p"], 1));
}

/// Notes on a file, in one text.
fn notes(path: &Path) -> String {
    read(path).notes.join("\n")
}

#[test]
fn one_number_of_a_module_trains_and_one_of_the_graph_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let scale = sketch.floats("scale", &[1]);
    let map = sketch.node("Mul", &[&images, &scale], vec![]);
    let made = sketch.floats("/layer1/layer1.0/Constant_output_0", &[]);
    let map = sketch.node("Mul", &[&map, &made], vec![]);
    let bound = sketch.floats("bound", &[]);
    let map = sketch.node("Clip", &[&map, &bound], vec![]);
    let path = sketch
        .classified(&map, 3, "logits")
        .written(folder.path(), "numbers.onnx");
    let network = holds(&path);
    let entries = network.parameters().entries().into_iter();
    let names: Vec<String> = entries.map(|entry| entry.path).collect();
    assert_eq!(names, ["scale", "fc.weight", "fc.bias"]);
    assert!(
        notes(&path).contains("`scale` trains, of one number"),
        "{}",
        notes(&path)
    );
}

#[test]
fn what_cannot_be_told_of_a_file_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let mask = sketch.floats("3.mask", &[8, 8]);
    let table = sketch.floats("3.table", &[8, 8]);
    let map = sketch.node("Add", &[&images, &mask], vec![]);
    let map = sketch.node("Add", &[&map, &table], vec![]);
    let weight = sketch.floats("val_22", &[4, 3, 1, 1]);
    let bias = sketch.floats("val_23", &[4]);
    let kernel = || vec![Attribute::sizes("kernel_shape", &[1, 1])];
    let map = sketch.node("Conv", &[&map, &weight, &bias], kernel());
    // A second convolution by a weight of the same values as that of the first, which the exporter merged.
    let weight = sketch.floats("1.weight", &[4, 4, 1, 1]);
    let map = sketch.node("Conv", &[&map, &weight], kernel());
    let map = sketch.node("Conv", &[&map, &weight], kernel());
    let path = sketch
        .classified(&map, 4, "logits")
        .written(folder.path(), "notes.onnx");
    holds(&path);
    let said = notes(&path);
    for part in [
        "1 of its 3 convolutions have a bias and no batch norm behind them",
        "`val_22`, `val_23` have names that an exporter made",
        "`1.weight` is read by several operators: one weight for all of them",
        "`freeze = [\"3.mask\"]` keeps them",
        "`3.table` is read as no layer's weight",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
