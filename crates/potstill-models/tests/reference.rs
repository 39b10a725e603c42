//! Every network equals its independent PyTorch namesake: names, shapes, logits, maps, gradients, running
//! statistics.
//!
//! The records hold no weights: a formula of each tensor's published name gives them. The smooth formula lets
//! the maps of deep networks grow beyond measure, the noisy one keeps them near 1, so that every tensor shows
//! in the logits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use crate::formula::{Wave, fill, noise, smooth};
use burn::tensor::{DType, Tensor};
use potstill_models::{BuildOptions, Model, Shortcut, StageEnd, find, weights};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Point, Taps, count_trainable};
use potstill_testing::numbers::{
    NINE_DIGITS, assert_near, gradients, nchw, numbers as all, recorded, scope, values,
};
use serde_json::Value;

const SMOOTH: &str = "potstill-models/tests/reference/cifar_resnet.json";
const NOISE: &str = "potstill-models/tests/reference/cifar_resnet_noise.json";

/// The network of a record, with fresh weights.
fn fresh(record: &Value) -> Model {
    let name = record["name"].as_str().unwrap();
    let shortcut = match record["shortcut"].as_str() {
        Some("a") => Shortcut::Subsample,
        _ => Shortcut::Projection,
    };
    let options = BuildOptions {
        shortcut: Some(shortcut),
        ..Default::default()
    };
    find(name).unwrap().build(options, &scope()).unwrap()
}

fn title(record: &Value) -> String {
    format!("{} {}", record["name"], record["shortcut"])
}

/// What the published network calls a tensor of ours.
fn published(path: &str, record: &Value) -> String {
    if record["name"].as_str().unwrap().ends_with("x4") {
        path.replace("linear", "fc")
    } else {
        path.replace("downsample", "shortcut")
    }
}

/// The numbers to compute with, and how near the record they come.
#[derive(Clone, Copy)]
struct Precision(DType, f64);

const DOUBLE: Precision = Precision(DType::F64, NINE_DIGITS);
/// Roundings of 6e-8 each, some hundred in a row, on maps near 1.
const SINGLE: Precision = Precision(DType::F32, 2e-5);

/// The network of a record with the weights of the formula.
fn build(record: &Value, wave: Wave, precision: Precision) -> Model {
    let mut network = fresh(record);
    fill(&mut network, wave, precision.0);
    network
}

/// The recorded input, `[2, 32, 32, 3]`.
fn images(precision: Precision) -> Tensor<4> {
    crate::formula::images(2, 32, precision.0)
}

/// The mean of a map and its values `[0, c, 1, x]` for c = 0, 1 and x = 0, 1, 2.
fn assert_glimpse(what: &str, map: &Tensor<4>, recorded: &Value, tolerance: f64) {
    let [_, height, width, _] = map.dims();
    let values = nchw(map);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert_near(
        &format!("mean of {what}"),
        &[mean],
        &all(&recorded["mean"]),
        tolerance,
    );
    let seen: Vec<f64> = (0..6)
        .map(|k| values[(k / 3 * height + 1) * width + k % 3])
        .collect();
    assert_near(what, &seen, &all(&recorded["values"]), tolerance);
}

fn assert_evaluates_as(record: &Value, wave: Wave, precision: Precision) {
    let Precision(number, tolerance) = precision;
    let network = Frozen::new(&build(record, wave, precision));
    let name = title(record);
    let ends = network.get().stage_ends();
    let both = |end: &StageEnd| [end.pre.clone(), end.post.clone()];
    let points: Vec<Point> = ends.iter().flat_map(both).collect();
    let mut taps = Taps::at(&points);
    let logits = network
        .get()
        .forward(images(precision), &mut Pass::visited(Mode::Running, &mut taps))
        .into_logits()
        .unwrap();
    assert_near(
        &format!("logits of {name}"),
        &values(&logits),
        &all(&record["logits"]),
        tolerance,
    );
    assert_eq!((logits.dtype(), taps.unmet().count()), (number, 0));
    let recorded_ends = record["stage_ends"].as_array().unwrap();
    assert_eq!(
        ends.len(),
        recorded_ends.len() + 1,
        "three stages and the pooled embedding"
    );
    for (end, recorded) in ends.iter().zip(recorded_ends) {
        let [pre, post] = both(end).map(|point| taps.map(&point).unwrap());
        assert_glimpse(
            &format!("{name} at {}", end.pre),
            &pre,
            &recorded["pre"],
            tolerance,
        );
        assert_glimpse(
            &format!("{name} at {}", end.post),
            &post,
            &recorded["post"],
            tolerance,
        );
    }
    let pooled = values(&taps.map(&Point::post("pool")).unwrap());
    assert_near(
        &format!("pooled {name}"),
        &pooled[..4],
        &all(&record["pooled"]),
        tolerance,
    );
    assert_eq!(
        count_trainable(network.parameters()) as u64,
        record["parameters"],
        "parameters of {name}"
    );
}

#[test]
fn evaluation_equals_the_record() {
    for (file, wave) in [(SMOOTH, smooth as Wave), (NOISE, noise)] {
        for record in recorded(file)["eval"].as_array().unwrap() {
            assert_evaluates_as(record, wave, DOUBLE);
        }
    }
}

#[test]
fn evaluation_in_single_precision_is_near_the_record() {
    for record in recorded(NOISE)["eval"].as_array().unwrap() {
        assert_evaluates_as(record, noise, SINGLE);
    }
}

fn assert_trains_as(record: &Value, wave: Wave, precision: Precision) {
    let tolerance = precision.1;
    let mut network = build(record, wave, precision);
    let name = title(record);
    let images = images(precision).autodiff().require_grad();
    let mut pass = Pass::new(Mode::Batch);
    let logits = network.forward(images.clone(), &mut pass).into_logits().unwrap();
    assert_near(
        &format!("logits of {name}"),
        &values(&logits),
        &all(&record["logits"]),
        tolerance,
    );
    let tape = (logits.powi_scalar(2).sum() * 0.05).backward();
    let mut own = gradients(network.parameters(), &tape);
    own.insert("images".into(), nchw(&images.grad(&tape).unwrap()));
    for (path, recorded) in record["gradients"].as_object().unwrap() {
        let recorded = all(recorded);
        assert_near(
            &format!("gradient of {path} in {name}"),
            &own[path][..recorded.len()],
            &recorded,
            tolerance,
        );
    }
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), network.parameters_mut());
    let mut met = 0;
    network.parameters().each(&mut |entry, tensor| {
        if let Some(recorded) = record["buffers"].get(&entry.path) {
            assert_near(
                &format!("{} of {name}", entry.path),
                &values(&tensor)[..4],
                &all(recorded),
                tolerance,
            );
            met += 1;
        }
    });
    assert_eq!(met, record["buffers"].as_object().unwrap().len());
}

#[test]
fn a_training_step_equals_the_record() {
    for (file, wave) in [(SMOOTH, smooth as Wave), (NOISE, noise)] {
        for record in recorded(file)["train"].as_array().unwrap() {
            assert_trains_as(record, wave, DOUBLE);
        }
    }
}

#[test]
fn a_training_step_in_single_precision_is_near_the_record() {
    for record in recorded(NOISE)["train"].as_array().unwrap() {
        assert_trains_as(record, noise, SINGLE);
    }
}

#[test]
fn names_and_shapes_are_those_of_the_published_state_dicts() {
    for record in recorded(SMOOTH)["layouts"].as_array().unwrap() {
        let entries = fresh(record).parameters().entries();
        let ours = entries
            .iter()
            .map(|entry| (published(&entry.path, record), entry.shape.clone()));
        assert_eq!(ours.collect::<Vec<_>>(), layout(record), "{}", title(record));
    }
}

#[test]
fn a_saved_file_has_the_published_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let file = recorded(SMOOTH);
    let records = file["layouts"].as_array().unwrap().iter();
    let as_published =
        |record: &&Value| (record["shortcut"] == "b") == record["name"].as_str().unwrap().ends_with("x4");
    for record in records.filter(as_published) {
        weights::save(&fresh(record), &BTreeMap::new(), &path).unwrap();
        let stored = weights::TensorFile::read(&path).unwrap().tensors;
        let mut expected = layout(record);
        expected.sort();
        let stored: Vec<_> = stored
            .into_iter()
            .map(|(name, tensor)| (name, tensor.shape))
            .collect();
        assert_eq!(stored, expected, "{}", record["name"]);
    }
}

fn layout(record: &Value) -> Vec<(String, Vec<usize>)> {
    let tensors = record["tensors"].as_array().unwrap().iter();
    let shape = |value: &Value| all(value).into_iter().map(|size| size as usize).collect();
    tensors
        .map(|tensor| (tensor[0].as_str().unwrap().into(), shape(&tensor[1])))
        .collect()
}

#[test]
fn deeper_networks_have_the_recorded_number_of_parameters() {
    for record in recorded(SMOOTH)["counts"].as_array().unwrap() {
        let parameters = count_trainable(fresh(record).parameters());
        assert_eq!(parameters as u64, record["parameters"], "{}", title(record));
    }
}
