//! The networks of the CIFAR-100 distillation benchmark equal their independent PyTorch namesakes: names,
//! shapes, logits, stage ends of both sides, gradients, running statistics.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test reports; what differs by how much goes into the documentation"
)]

use std::collections::BTreeMap;

use crate::formula::{fill, images, noise};
use burn::tensor::{DType, Tensor};
use potstill_models::{BuildOptions, Model, StageEnd, find, registry, weights};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Point, Taps, count_trainable};
use potstill_testing::numbers::{
    NINE_DIGITS, assert_near, gradients, nchw, numbers as all, recorded, scope, values,
};
use serde_json::Value;

const FILE: &str = "potstill-models/tests/reference/cifar_zoo.json";
/// For single precision in the fast form.
const SINGLE: f64 = 1e-4;

fn build(record: &Value, dtype: DType) -> Model {
    let options = BuildOptions {
        classes: Some(10),
        ..BuildOptions::default()
    };
    let entry = find(record["name"].as_str().unwrap()).unwrap();
    let mut network = entry.build(options, &scope()).unwrap();
    fill(&mut network, noise, dtype);
    network
}

/// Compares, and keeps the largest difference in mind: relative to the largest of the recorded values.
struct Comparison<'a> {
    name: &'a str,
    worst: f64,
}

impl Comparison<'_> {
    fn near(&mut self, what: &str, ours: &[f64], theirs: &Value) {
        let theirs = all(theirs);
        assert_near(&format!("{what} of {}", self.name), ours, &theirs, SINGLE);
        let largest = theirs
            .iter()
            .fold(0.0, |largest: f64, value| largest.max(value.abs()));
        for (ours, theirs) in ours.iter().zip(theirs) {
            self.worst = self.worst.max((ours - theirs).abs() / largest);
        }
    }

    /// Six values of a map, evenly spaced in `[N, C, H, W]` order, and its mean beside them: it may be small
    /// by itself.
    fn glimpse(&mut self, what: &str, map: &Tensor<4>, recorded: &Value) {
        let values = nchw(map);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut seen: Vec<f64> = (0..6).map(|k| values[k * (values.len() - 1) / 5]).collect();
        let mut expected = all(&recorded["values"]);
        seen.push(mean);
        expected.extend(all(&recorded["mean"]));
        self.near(what, &seen, &expected.into());
    }
}

fn assert_evaluates_as(record: &Value) {
    let name = record["name"].as_str().unwrap();
    let mut comparison = Comparison { name, worst: 0.0 };
    let network = Frozen::new(&build(record, DType::F32));
    let ends = network.get().stage_ends();
    let both = |end: &StageEnd| [end.pre.clone(), end.post.clone()];
    let points: Vec<Point> = ends.iter().flat_map(both).collect();
    let mut taps = Taps::at(&points);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let seen = network.get().forward(images(2, 32, DType::F32), &mut pass);
    let seen = seen.into_logits().unwrap();
    assert_eq!(taps.unmet().count(), 0, "{name}");
    comparison.near("logits, with taps,", &values(&seen), &record["logits"]);
    let unseen = Model::logits(&network, images(2, 32, DType::F32)).unwrap();
    comparison.near("logits", &values(&unseen), &record["logits"]);
    let recorded_ends = record["stage_ends"].as_array().unwrap();
    assert_eq!(
        ends.len(),
        recorded_ends.len() + 1,
        "{name}: stages and the pooled embedding"
    );
    for (end, recorded) in ends.iter().zip(recorded_ends) {
        for (point, side) in both(end).iter().zip(["before", "after"]) {
            let map = taps.map(point).unwrap();
            comparison.glimpse(&format!("{side}, at {point},"), &map, &recorded[side]);
        }
    }
    let pooled = values(&taps.map(&Point::post("pool")).unwrap());
    comparison.near("pooled", &pooled[..4], &record["pooled"]);
    let larger = Model::logits(&network, images(1, 64, DType::F32)).unwrap();
    comparison.near("logits for 64x64", &values(&larger), &record["logits_64"]);
    assert_eq!(
        count_trainable(network.parameters()) as u64,
        record["parameters"],
        "{name}"
    );
    println!("{name} {:.0e}", comparison.worst);
}

/// Some networks, so that the families run side by side.
fn assert_networks(names: &[&str]) {
    let file = recorded(FILE);
    let records = file["eval"].as_array().unwrap();
    for name in names {
        let record = records.iter().find(|record| record["name"] == *name);
        assert_evaluates_as(record.unwrap_or_else(|| panic!("{name} is not recorded")));
    }
}

const RESIDUAL: [&str; 9] = [
    "cifar_resnet8",
    "cifar_resnet14",
    "cifar_resnet20",
    "cifar_resnet32",
    "cifar_resnet44",
    "cifar_resnet56",
    "cifar_resnet110",
    "cifar_resnet8x4",
    "cifar_resnet32x4",
];
const WIDE: [&str; 5] = [
    "cifar_wrn_16_1",
    "cifar_wrn_16_2",
    "cifar_wrn_40_1",
    "cifar_wrn_40_2",
    "cifar_wrn_40_4",
];
const WIDEST: [&str; 1] = ["cifar_wrn_28_10"];
const VGG: [&str; 5] = [
    "cifar_vgg8",
    "cifar_vgg11",
    "cifar_vgg13",
    "cifar_vgg16",
    "cifar_vgg19",
];
const LIGHT: [&str; 3] = [
    "cifar_mobilenetv2_x0_5",
    "cifar_shufflenetv1",
    "cifar_shufflenetv2",
];
const BOTTLENECKS: [&str; 1] = ["cifar_resnet50"];

#[test]
fn residual_networks_equal_the_record() {
    assert_networks(&RESIDUAL);
}

#[test]
fn wide_residual_networks_equal_the_record() {
    assert_networks(&WIDE);
}

#[test]
fn the_widest_residual_network_equals_the_record() {
    assert_networks(&WIDEST);
}

#[test]
fn vgg_networks_equal_the_record() {
    assert_networks(&VGG);
}

#[test]
fn mobile_and_shuffle_networks_equal_the_record() {
    assert_networks(&LIGHT);
}

#[test]
fn the_residual_network_of_bottlenecks_equals_the_record() {
    assert_networks(&BOTTLENECKS);
}

#[test]
fn no_network_for_small_images_is_forgotten() {
    let tested = [&RESIDUAL[..], &WIDE, &WIDEST, &VGG, &LIGHT, &BOTTLENECKS].concat();
    for entry in registry().filter(|entry| entry.name.starts_with("cifar_")) {
        assert!(tested.contains(&entry.name), "{} is not compared", entry.name);
    }
}

#[test]
fn a_training_step_of_each_family_equals_the_record() {
    for record in recorded(FILE)["train"].as_array().unwrap() {
        let (name, mut network) = (&record["name"], build(record, DType::F64));
        let images = images(4, 16, DType::F64).autodiff().require_grad();
        let mut pass = Pass::new(Mode::Batch);
        let logits = network.forward(images.clone(), &mut pass).into_logits().unwrap();
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
        BatchStatistics::update_running_stats(&pass.into_batch_statistics(), network.parameters_mut());
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
