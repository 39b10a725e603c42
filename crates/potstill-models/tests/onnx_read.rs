//! Files whose graphs are easily misread, each written here: what is read of them is what they are, or they are refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::{
    GraphNetwork, GraphStart, GraphWeights, HeadWeights, Model, ModelError, OnnxOptions, TrainGraph,
    onnx_file,
};
use potstill_onnx::{
    Array, OnnxNetwork,
    write::{Attribute, GraphWriter, Opset},
};
use potstill_ops::{Draws, Frozen, Mode, Pass};

use crate::onnx_students::{graph, images, near, scope, values};

/// A graph of version 20 on its way.
fn newer() -> (Sketch, String) {
    let mut graph = GraphWriter::new(Opset::V20);
    let images = graph.input("images", &[None, Some(3), Some(8), Some(8)]);
    graph.reserve("logits");
    (Sketch(graph), images)
}

/// `sin(0.7 i + start)`: weights that are all different.
pub(crate) fn wave(count: usize, start: f64) -> Vec<f32> {
    (0..count)
        .map(|at| (0.7 * at as f64 + start).sin() as f32)
        .collect()
}

/// A graph on its way to a file of images `[N, 3, 8, 8]`.
pub(crate) struct Sketch(pub GraphWriter);

impl Sketch {
    pub fn new() -> (Self, String) {
        let mut graph = GraphWriter::new(Opset::V17);
        let images = graph.input("images", &[None, Some(3), Some(8), Some(8)]);
        graph.reserve("logits");
        (Self(graph), images)
    }

    pub fn floats(&mut self, name: &str, shape: &[usize]) -> String {
        let values = wave(shape.iter().product(), name.len() as f64);
        self.0.floats(name, shape, &values)
    }

    /// A convolution of so many inputs to so many outputs by 1x1.
    pub fn conv(&mut self, x: &str, name: &str, [inputs, outputs]: [usize; 2]) -> String {
        let weight = self.floats(&format!("{name}.weight"), &[outputs, inputs, 1, 1]);
        let kernel = Attribute::sizes("kernel_shape", &[1, 1]);
        self.0.node("Conv", &[x, &weight], vec![kernel], name)
    }

    pub fn node(&mut self, kind: &'static str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let name = format!("{}_out", kind.to_lowercase());
        self.0.node(kind, inputs, attributes, &name)
    }

    pub fn reshaped(&mut self, x: &str, sizes: &[i64]) -> String {
        let sizes = self.0.list(sizes);
        self.node("Reshape", &[x, &sizes], vec![])
    }

    pub fn transposed(&mut self, x: &str, order: &[usize]) -> String {
        self.node("Transpose", &[x], vec![Attribute::sizes("perm", order)])
    }

    /// A linear layer `fc` of pooled maps to three classes.
    pub fn classified(mut self, map: &str, channels: usize, output: &str) -> Self {
        let pooled = self.node("GlobalAveragePool", &[map], vec![]);
        let rows = self.node("Flatten", &[&pooled], vec![]);
        let weight = self.floats("fc.weight", &[3, channels]);
        let bias = self.floats("fc.bias", &[3]);
        let transposed = vec![Attribute::Int("transB", 1)];
        self.0
            .node_as("Gemm", &[&rows, &weight, &bias], transposed, output);
        self
    }

    pub fn written(mut self, folder: &Path, name: &str) -> PathBuf {
        self.0.output("logits", &[None, Some(3)]);
        let path = folder.join(name);
        self.0.finish(vec![]).write(&path).unwrap();
        path
    }
}

pub(crate) fn read(path: &Path) -> TrainGraph {
    TrainGraph::open(path, None, [8, 8, 3]).unwrap()
}

pub(crate) fn refusal(path: &Path) -> String {
    TrainGraph::open(path, None, [8, 8, 3]).unwrap_err().to_string()
}

/// Images `[2, 3, 8, 8]`, and the logits of a network for them as the file and as what was read of it have them.
#[track_caller]
pub(crate) fn holds(path: &Path) -> Model {
    let network = GraphNetwork::proven(read(path), &scope()).unwrap().into_model();
    let values = wave(2 * 3 * 8 * 8, 0.3);
    let images = Tensor::<4>::from_data(TensorData::new(values.clone(), [2, 3, 8, 8]), &Device::flex());
    let ours = Model::logits(&Frozen::new(&network), images.permute([0, 2, 3, 1])).unwrap();
    let given = Array {
        shape: vec![2, 3, 8, 8],
        values,
    };
    let theirs = OnnxNetwork::open(path, None)
        .unwrap()
        .run(&given, &["logits"])
        .unwrap()
        .remove(0);
    let theirs: Vec<f64> = theirs.values.into_iter().map(f64::from).collect();
    near(
        &path.display().to_string(),
        &crate::onnx_students::values(ours),
        &theirs,
        1e-4,
    );
    network
}

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

/// PyTorch: `x.flatten(2).transpose(1, 2).view(b, h, w, g, c).transpose(-1, -2).reshape(b, h, w, g * c)`.
#[test]
fn channels_of_tokens_are_shuffled() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let map = sketch.conv(&images, "conv", [3, 6]);
    let tokens = sketch.reshaped(&map, &[0, 6, -1]);
    let tokens = sketch.transposed(&tokens, &[0, 2, 1]);
    let split = sketch.reshaped(&tokens, &[-1, 8, 8, 2, 3]);
    let turned = sketch.transposed(&split, &[0, 1, 2, 4, 3]);
    let merged = sketch.reshaped(&turned, &[-1, 8, 8, 6]);
    let map = sketch.transposed(&merged, &[0, 3, 1, 2]);
    let map = sketch.conv(&map, "last", [6, 4]);
    holds(
        &sketch
            .classified(&map, 4, "logits")
            .written(folder.path(), "shuffled.onnx"),
    );
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

#[test]
fn a_slice_of_nothing_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let nothing = sketch.floats("nothing", &[0, 3]);
    let [start, end, axis, step] = [-1, i64::MIN, 0, -1].map(|number| sketch.0.list(&[number]));
    let none = sketch.node("Slice", &[&nothing, &start, &end, &axis, &step], vec![]);
    let sum = sketch.node("ReduceSum", &[&none], vec![Attribute::Int("keepdims", 0)]);
    let map = sketch.node("Add", &[&images, &sum], vec![]);
    let path = sketch
        .classified(&map, 3, "logits")
        .written(folder.path(), "nothing.onnx");
    let said = refusal(&path);
    assert!(said.contains("no values"), "{said}");
}

#[test]
fn copies_of_weights_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let big = sketch.floats("big", &[200_000]);
    for copy in 0..20 {
        sketch
            .0
            .node_as("Identity", &[&big], vec![], &format!("copy.{copy}"));
    }
    let path = sketch
        .classified(&images, 3, "logits")
        .written(folder.path(), "copies.onnx");
    let said = refusal(&path);
    assert!(said.contains("copy weights"), "{said}");
}

#[test]
fn operators_that_no_exporter_of_pytorch_writes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |sketch: Sketch, map: &str| {
        let path = sketch
            .classified(map, 3, "logits")
            .written(folder.path(), "operators.onnx");
        drop(holds(&path));
    };
    for kind in ["Max", "Min", "Sum"] {
        let (mut sketch, images) = Sketch::new();
        let (number, channels) = (sketch.0.number(0.25), sketch.floats("channels", &[3, 1, 1]));
        let map = sketch.node(kind, &[&number, &images, &channels, &number], vec![]);
        write(sketch, &map);
    }
    let (mut sketch, images) = Sketch::new();
    let map = sketch.node("LogSoftmax", &[&images], vec![Attribute::Int("axis", 1)]);
    let map = sketch.node("GlobalMaxPool", &[&map], vec![]);
    write(sketch, &map);
}

/// `gamma (max(x, 0) + min(alpha (exp(x) - 1), 0))` and its like, in double precision.
#[test]
fn activations_that_become_others_are_those_of_their_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let celu = |x: f64| x.max(0.0) + (x.exp() - 1.0).min(0.0);
    let selu = |x: f64| 1.050_701 * (x.max(0.0) + (1.673_263_2 * (x.exp() - 1.0)).min(0.0));
    let mish = |x: f64| x * x.exp().ln_1p().tanh();
    let softsign = |x: f64| x / (1.0 + x.abs());
    let formulas: [(&'static str, &dyn Fn(f64) -> f64); 4] = [
        ("Celu", &celu),
        ("Selu", &selu),
        ("Mish", &mish),
        ("Softsign", &softsign),
    ];
    for (kind, formula) in formulas {
        let (mut sketch, images) = newer();
        let map = sketch.node(kind, &[&images], vec![]);
        let pooled = sketch.node("GlobalAveragePool", &[&map], vec![]);
        sketch.0.node_as("Flatten", &[&pooled], vec![], "logits");
        let path = sketch.written(folder.path(), "activation.onnx");
        let network = GraphNetwork::proven(read(&path), &scope()).unwrap().into_model();
        let given = images_of(1);
        let pixels = values(given.clone());
        let means = (0..3).map(|channel| {
            let own = pixels.iter().skip(channel).step_by(3);
            own.map(|&value| formula(value)).sum::<f64>() / 64.0
        });
        let ours = Model::logits(&Frozen::new(&network), given).unwrap();
        near(kind, &values(ours), &means.collect::<Vec<_>>(), 1e-5);
    }
}

/// Images `[N, 8, 8, 3]`.
fn images_of(count: usize) -> Tensor<4> {
    images(count, 0.0).narrow(1, 0, 8).narrow(2, 0, 8)
}

/// Scale and shift of a group in version 20, where ONNX has one of each for a group.
#[test]
fn groups_are_normalised_by_their_own_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = newer();
    let map = sketch.conv(&images, "conv", [3, 4]);
    let (scale, shift) = (
        sketch.floats("norm.weight", &[2]),
        sketch.floats("norm.bias", &[2]),
    );
    let groups = vec![Attribute::Int("num_groups", 2), Attribute::Float("epsilon", 0.1)];
    let map = sketch.node("GroupNormalization", &[&map, &scale, &shift], groups);
    let pooled = sketch.node("GlobalMaxPool", &[&map], vec![]);
    sketch.0.node_as("Flatten", &[&pooled], vec![], "logits");
    sketch.0.output("logits", &[None, Some(4)]);
    let path = folder.path().join("groups.onnx");
    sketch.0.finish(vec![]).write(&path).unwrap();
    let network = GraphNetwork::proven(read(&path), &scope()).unwrap().into_model();
    let entries = network.parameters().entries();
    let found: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(found, ["conv.weight", "norm.weight", "norm.bias"]);
    let given = images_of(1);
    let pixels = values(given.clone());
    let weight = wave(12, 11.0);
    let maps: Vec<Vec<f64>> = (0..4)
        .map(|out| {
            let of_place = |place: &[f64]| {
                (0..3)
                    .map(|i| f64::from(weight[3 * out + i]) * place[i])
                    .sum::<f64>()
            };
            pixels.chunks(3).map(of_place).collect()
        })
        .collect();
    let expected: Vec<f64> = (0..4)
        .map(|out| {
            let group: Vec<f64> = maps[out / 2 * 2..][..2].concat();
            let mean = group.iter().sum::<f64>() / 128.0;
            let variance = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 128.0;
            let [scale, shift] = [11.0, 9.0].map(|start| f64::from(wave(2, start)[out / 2]));
            let normed = maps[out]
                .iter()
                .map(|value| (value - mean) / (variance + 0.1).sqrt() * scale + shift);
            normed.fold(f64::MIN, f64::max)
        })
        .collect();
    let ours = Model::logits(&Frozen::new(&network), given).unwrap();
    near("groups", &values(ours), &expected, 1e-5);
}

#[test]
fn a_stated_scale_that_is_no_ratio_of_sizes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let resized = |scale: f32| {
        let (mut sketch, images) = Sketch::new();
        let scales = sketch
            .0
            .floats("/Constant_output_0", &[4], &[1.0, 1.0, scale, scale]);
        let mode = vec![Attribute::Text("mode", "linear")];
        let map = sketch.node("Resize", &[&images, "", &scales], mode);
        sketch
            .classified(&map, 3, "logits")
            .written(folder.path(), "resized.onnx")
    };
    holds(&resized(1.5));
    let said = refusal(&resized(1.3));
    assert!(said.contains("export it with `size=`"), "{said}");
}

#[test]
fn a_softmax_of_old_versions_over_several_axes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let map = sketch.node("Softmax", &[&images], vec![Attribute::Int("axis", 1)]);
    let path = sketch
        .classified(&map, 3, "logits")
        .written(folder.path(), "old.onnx");
    holds(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    // Field 2 of the operators' version.
    let at = bytes.windows(2).rposition(|bytes| bytes == [0x10, 17]).unwrap();
    bytes[at + 1] = 11;
    std::fs::write(&path, &bytes).unwrap();
    let said = refusal(&path);
    assert!(said.contains("before version 13"), "{said}");
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

#[test]
fn maps_are_resized_in_every_way_that_the_engine_runs() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, places) in [
        ("linear", "align_corners"),
        ("linear", "asymmetric"),
        ("linear", "half_pixel"),
    ] {
        let (mut sketch, images) = Sketch::new();
        let wanted = sketch.0.list(&[1, 3, 5, 11]);
        let batch = sketch.node("Shape", &[&images], vec![]);
        let [zero, one, four] = [0, 1, 4].map(|number| sketch.0.list(&[number]));
        let batch = sketch.node("Slice", &[&batch, &zero, &one], vec![]);
        let rest = sketch.node("Slice", &[&wanted, &one, &four], vec![]);
        let sizes = sketch.node("Concat", &[&batch, &rest], vec![Attribute::Int("axis", 0)]);
        let attributes = vec![
            Attribute::Text("mode", mode),
            Attribute::Text("coordinate_transformation_mode", places),
        ];
        let map = sketch.node("Resize", &[&images, "", "", &sizes], attributes);
        let map = sketch.node("Tanh", &[&map], vec![]);
        drop(holds(
            &sketch
                .classified(&map, 3, "logits")
                .written(folder.path(), "resized.onnx"),
        ));
    }
}

#[test]
fn tiles_are_laid() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sketch, images) = Sketch::new();
    let channel = sketch.floats("places", &[1, 1, 4, 8]);
    let counts = sketch.0.list(&[1, 3, 2, 1]);
    let places = sketch.node("Tile", &[&channel, &counts], vec![]);
    let map = sketch.node("Mul", &[&images, &places], vec![]);
    holds(
        &sketch
            .classified(&map, 3, "logits")
            .written(folder.path(), "tiled.onnx"),
    );
}

/// The dropout of a file in training mode, by a ratio of 0.2, before its last layer.
#[test]
fn dropout_drops_in_training_alone() {
    let network = crate::onnx_students::network("inverted.C");
    let logits = |draws: Option<Draws>| {
        let mut pass = Pass::new(Mode::Batch);
        if let Some(draws) = draws {
            pass.set_draws(draws);
        }
        values(
            network
                .forward(images(4, 0.0), &mut pass)
                .into_logits()
                .unwrap()
                .inner(),
        )
    };
    let at = |step: usize| Some(Draws::new(potstill_random::Seed::new(3), "student", 0, step));
    assert_eq!(logits(at(1)), logits(at(1)));
    assert_ne!(logits(at(1)), logits(at(2)));
    assert_ne!(logits(at(1)), logits(None));
    let all: Vec<Vec<f64>> = (0..400).map(|step| logits(at(step))).collect();
    let means: Vec<f64> = (0..20)
        .map(|i| all.iter().map(|logits| logits[i]).sum::<f64>() / 400.0)
        .collect();
    // A linear layer of what is kept and made larger has the logits without dropout as its mean.
    near("mean", &means, &logits(None), 0.08);
    // What a run keeps of the file drops as well.
    let graph = graph("inverted.C");
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.onnx");
    std::fs::write(&kept, &graph.skeleton).unwrap();
    let again = TrainGraph::reopen(&kept, [16, 16, 3]).unwrap();
    assert_eq!(again.steps, graph.steps);
    assert!(
        graph.notes.join(" ").contains("its dropout drops in training"),
        "{:?}",
        graph.notes
    );
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
