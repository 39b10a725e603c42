//! The networks of the CIFAR-100 distillation benchmark equal their independent PyTorch namesakes: names, shapes, logits, stage
//! ends of both sides, gradients, running statistics.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod formula;
#[path = "../../potstill-ops/tests/numbers/mod.rs"]
mod numbers;

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor};
use formula::{fill, images, noise};
use numbers::{NINE_DIGITS, assert_near, gradients, nchw, numbers as all, recorded, scope, values};
use potstill_models::{BuildOptions, Classifier, StageEnd, find, weights};
use potstill_ops::{Frozen, Mode, Moments, Pass, Point, Taps};
use serde_json::Value;

const FILE: &str = "potstill-models/tests/reference/cifar_zoo.json";
/// For single precision in the fast form.
const SINGLE: f64 = 1e-4;

fn build(record: &Value, dtype: DType) -> Classifier {
    let options = BuildOptions {
        classes: Some(10),
        ..BuildOptions::default()
    };
    let entry = find(record["name"].as_str().unwrap()).unwrap();
    let mut network = entry.build(options, &scope()).unwrap();
    fill(&mut network, noise, dtype);
    network
}

/// The mean of a map, and six values, evenly spaced in `[N, C, H, W]` order.
fn assert_glimpse(what: &str, map: &Tensor<4>, recorded: &Value) {
    let values = nchw(map);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let seen: Vec<f64> = (0..6).map(|k| values[k * (values.len() - 1) / 5]).collect();
    assert_near(what, &seen, &all(&recorded["values"]), SINGLE);
    // A mean may be small beside its values.
    let largest = seen
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let theirs = recorded["mean"].as_f64().unwrap();
    assert!(
        (mean - theirs).abs() <= SINGLE * largest.max(theirs.abs()),
        "mean of {what}: {mean} is not {theirs}"
    );
}

fn assert_evaluates_as(record: &Value) {
    let name = &record["name"];
    let network = Frozen::new(&build(record, DType::F32));
    let ends = network.get().stage_ends();
    let both = |end: &StageEnd| [end.before.clone(), end.after.clone()];
    let points: Vec<Point> = ends.iter().flat_map(both).collect();
    let mut taps = Taps::at(&points);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let seen = network.get().forward(images(2, 32, DType::F32), &mut pass);
    assert_eq!(taps.unmet().count(), 0, "{name}");
    let unseen = Classifier::logits(&network, images(2, 32, DType::F32));
    for (how, logits) in [("with taps", seen), ("without", unseen)] {
        let what = format!("logits of {name} {how}");
        assert_near(&what, &values(&logits), &all(&record["logits"]), SINGLE);
    }
    let recorded_ends = record["stage_ends"].as_array().unwrap();
    assert_eq!(
        ends.len(),
        recorded_ends.len() + 1,
        "{name}: stages and the pooled embedding"
    );
    for (end, recorded) in ends.iter().zip(recorded_ends) {
        for (point, side) in both(end).iter().zip(["before", "after"]) {
            let map = taps.map(point).unwrap();
            assert_glimpse(&format!("{name} {side}, at {point}"), &map, &recorded[side]);
        }
    }
    let pooled = values(&taps.map(&Point::post("pool")).unwrap());
    assert_near(
        &format!("pooled {name}"),
        &pooled[..4],
        &all(&record["pooled"]),
        SINGLE,
    );
    let larger = Classifier::logits(&network, images(1, 64, DType::F32));
    let what = format!("logits of {name} for 64x64");
    assert_near(&what, &values(&larger), &all(&record["logits_64"]), SINGLE);
    let entry = find(name.as_str().unwrap()).unwrap();
    assert_eq!(entry.parameters, record["parameters"], "{name}");
}

/// The records of one family, so that the families run side by side.
fn assert_family(prefix: &str, networks: usize) {
    let file = recorded(FILE);
    let records = file["eval"].as_array().unwrap().iter();
    let family: Vec<_> = records
        .filter(|record| record["name"].as_str().unwrap().starts_with(prefix))
        .collect();
    assert_eq!(family.len(), networks);
    family.into_iter().for_each(assert_evaluates_as);
}

#[test]
fn wide_residual_networks_equal_the_record() {
    assert_family("cifar_wrn_16", 2);
    assert_family("cifar_wrn_40", 3);
}

#[test]
fn the_widest_residual_network_equals_the_record() {
    assert_family("cifar_wrn_28", 1);
}

#[test]
fn vgg_networks_equal_the_record() {
    assert_family("cifar_vgg", 5);
}

#[test]
fn mobile_and_shuffle_networks_equal_the_record() {
    assert_family("cifar_mobilenet", 1);
    assert_family("cifar_shufflenet", 2);
}

#[test]
fn the_residual_network_of_bottlenecks_equals_the_record() {
    assert_family("cifar_resnet50", 1);
}

#[test]
fn a_training_step_of_each_family_equals_the_record() {
    for record in recorded(FILE)["train"].as_array().unwrap() {
        let (name, mut network) = (&record["name"], build(record, DType::F64));
        let images = images(4, 16, DType::F64).autodiff().require_grad();
        let mut pass = Pass::new(Mode::Batch);
        let logits = network.forward(images.clone(), &mut pass);
        let near = |what: &str, ours: &[f64], theirs: &Value| {
            let theirs = all(theirs);
            assert_near(
                &format!("{what} of {name}"),
                &ours[..theirs.len()],
                &theirs,
                10.0 * NINE_DIGITS,
            );
        };
        near("logits", &values(&logits), &record["logits"]);
        let tape = (logits.powi_scalar(2).sum() * 0.025).backward();
        let names = *network.names();
        let own = gradients(network.parameters(), &tape);
        let mut own: BTreeMap<_, _> = own
            .into_iter()
            .map(|(path, gradient)| (names.published_name(&path), gradient))
            .collect();
        own.insert("images".into(), nchw(&images.grad(&tape).unwrap()));
        for (path, recorded) in record["gradients"].as_object().unwrap() {
            near(&format!("gradient at {path}"), &own[path], recorded);
        }
        Moments::absorb(&pass.into_moments(), network.parameters_mut());
        let mut met = 0;
        network.parameters().each(&mut |entry, tensor| {
            let path = names.published_name(&entry.path);
            if let Some(recorded) = record["buffers"].get(&path) {
                near(&path, &values(&tensor), recorded);
                met += 1;
            }
        });
        assert_eq!(met, record["buffers"].as_object().unwrap().len(), "{name}");
    }
}

#[test]
fn a_saved_file_has_the_published_names_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for record in recorded(FILE)["layouts"].as_array().unwrap() {
        let entry = find(record["name"].as_str().unwrap()).unwrap();
        let network = entry.build(BuildOptions::default(), &scope()).unwrap();
        weights::save(&network, &BTreeMap::new(), &path).unwrap();
        let stored = weights::TensorFile::read(&path).unwrap().tensors;
        let stored = stored
            .into_iter()
            .map(|(name, tensor)| format!("{name} {:?}", tensor.shape));
        let tensors = record["tensors"].as_array().unwrap().iter();
        let mut expected: Vec<&str> = tensors.map(|tensor| tensor.as_str().unwrap()).collect();
        expected.sort_by_key(|line| line.split(' ').next());
        assert_eq!(stored.collect::<Vec<_>>(), expected, "{}", entry.name);
    }
}
