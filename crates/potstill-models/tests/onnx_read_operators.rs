//! Operators of files, each written here: they compute what they say, or are refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_models::{GraphNetwork, Model, TrainGraph};
use potstill_onnx::write::Attribute;
use potstill_ops::{Draws, Frozen, Mode, Pass};

use crate::{
    onnx_sketch::{Sketch, holds, images_of, newer, read, refusal, wave},
    onnx_students::{graph, images, near, scope, values},
};

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
