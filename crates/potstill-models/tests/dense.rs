//! Models for every pixel equal torchvision's heads and necks on its backbones: names and shapes of all
//! tensors, logits, maps, a training step. The record is made by `tools/dense_reference.py`; a formula of
//! each tensor's name gives the weights.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use crate::formula::{digest, fill, noise};
use burn::tensor::{DType, Device, Tensor};
use potstill_models::{BuildOptions, FpnConfig, HeadConfig, Model, NeckConfig, OutputKind, find, probe};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Point, Taps, count_trainable};
use potstill_testing::numbers::{assert_near, map, nchw, numbers as all, recorded, scope, values};
use serde_json::Value;

/// For nine recorded digits behind a deep network in double precision.
const TOLERANCE: f64 = 1e-7;
const SIZE: [usize; 2] = [72, 104];
const CLASSES: usize = 5;

fn records() -> Vec<Value> {
    let file = recorded("potstill-models/tests/reference/dense.json");
    file["models"].as_array().unwrap().clone()
}

/// A model of the registry's `backbone` with FCN's head, and a feature pyramid of so many channels or none.
fn segmenter(backbone: &str, pyramid: Option<usize>) -> Model {
    let neck = pyramid.map(|channels| NeckConfig::Fpn(FpnConfig::new(channels)));
    let options = BuildOptions {
        classes: Some(CLASSES),
        ..BuildOptions::default()
    };
    let entry = find(backbone).unwrap();
    entry
        .build_dense(neck, HeadConfig::Fcn, options, &scope())
        .unwrap()
}

/// The model of a record with fresh weights.
fn fresh(record: &Value) -> Model {
    let pyramid = record["neck"].as_u64().map(|channels| channels as usize);
    segmenter(record["backbone"].as_str().unwrap(), pyramid)
}

/// The model of a record with the weights of the formula.
fn of(record: &Value) -> Model {
    let mut model = fresh(record);
    fill(&mut model, noise, DType::F64);
    model
}

fn images() -> Tensor<4> {
    let [height, width] = SIZE;
    map([2, 3, height, width], |i| {
        let (n, c) = (i / (3 * height * width), i / (height * width) % 3);
        let (y, x) = (i / width % height, i % width);
        (((n * 11 + c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    })
}

/// Compares a map with its recorded shape, mean, root of the mean square and every 997th value.
#[track_caller]
fn equals(what: &str, map: &Tensor<4>, summary: &Value) {
    let [n, h, w, c] = map.dims();
    assert_eq!(
        all(&summary["shape"]),
        [n, c, h, w].map(|size| size as f64),
        "{what}"
    );
    let found = nchw(map);
    let count = found.len() as f64;
    let mean = found.iter().sum::<f64>() / count;
    let rms = (found.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
    let expected = [&summary["mean"], &summary["rms"]].map(|number| all(number)[0]);
    assert_near(&format!("moments of {what}"), &[mean, rms], &expected, TOLERANCE);
    let every: Vec<f64> = found.iter().copied().step_by(997).collect();
    assert_near(what, &every, &all(&summary["values"]), TOLERANCE);
}

#[test]
fn names_and_shapes_are_torchvisions() {
    for record in records() {
        let model = fresh(&record);
        let entries = model.parameters().entries();
        assert_eq!(digest(&entries), record["digest"], "{}", model.name());
        let parameters = count_trainable(model.parameters()) as u64;
        assert_eq!(parameters, record["parameters"].as_u64().unwrap());
    }
}

#[test]
fn logits_and_levels_are_the_recorded_ones() {
    for record in records() {
        let model = of(&record);
        let levels = record["levels"].as_array().unwrap();
        let points: Vec<Point> = (0..levels.len())
            .map(|level| Point::post(format!("backbone.fpn.layer_blocks.{level}")))
            .collect();
        let mut taps = Taps::at(&points);
        let frozen = Frozen::new(&model);
        let outputs = frozen
            .get()
            .forward(images(), &mut Pass::visited(Mode::Running, &mut taps));
        equals(
            model.name(),
            &outputs.dense_logits().unwrap().full(),
            &record["logits"],
        );
        for (point, level) in points.iter().zip(levels) {
            equals(&point.to_string(), &taps.map(point).unwrap(), level);
        }
    }
}

#[test]
fn a_training_step_is_the_recorded_one() {
    for record in records() {
        let (mut model, record) = (of(&record), &record["trained"]);
        let mut pass = Pass::new(Mode::Batch);
        let logits = model
            .forward(images(), &mut pass)
            .into_dense_logits()
            .unwrap()
            .full();
        equals("training logits", &logits.clone().inner(), &record["logits"]);
        BatchStatistics::update_running_stats(&pass.into_batch_statistics(), model.parameters_mut());
        let tape = logits.powi_scalar(2).mean().backward();
        let (gradients, buffers) = (&record["gradients"], &record["buffers"]);
        let mut met = 0;
        model.parameters().each_gradient(&tape, &mut |entry, gradient| {
            if let Some(expected) = gradients.get(&entry.path) {
                let expected = all(expected);
                assert_near(&entry.path, &values(&gradient)[..expected.len()], &expected, 1e-6);
                met += 1;
            }
        });
        model.parameters().each(&mut |entry, tensor| {
            if let Some(expected) = buffers.get(&entry.path) {
                assert_near(&entry.path, &values(&tensor)[..6], &all(expected), TOLERANCE);
                met += 1;
            }
        });
        let recorded = [gradients, buffers].map(|part| part.as_object().unwrap().len());
        assert_eq!(met, recorded.iter().sum::<usize>(), "{}", model.name());
    }
}

#[test]
fn any_backbone_takes_the_head_and_tells_its_stages() {
    for name in [
        "cifar_resnet8",
        "cifar_wrn_16_1",
        "cifar_vgg8",
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
    ] {
        let model = segmenter(name, Some(16));
        assert_eq!(model.name(), format!("fcn_{name}"));
        assert_eq!(model.output_kind(), OutputKind::DenseLogits);
        let probe = probe(&model, SIZE, &Device::flex()).unwrap();
        assert_eq!(probe.classes, CLASSES);
        let stages = find(name).unwrap().stages();
        assert_eq!(model.stage_ends().len(), stages.len());
        for (end, stage) in model.stage_ends().iter().zip(&stages) {
            let expected = format!("backbone.body.{}", stage.end.post);
            assert_eq!(end.post.to_string(), expected);
            assert_eq!(probe.size(&end.post).unwrap()[2], stage.channels);
            assert_eq!(probe.size(&end.pre).unwrap()[2], stage.channels);
        }
        let last = model.last_stage().unwrap();
        for point in [&model.stem().unwrap(), &last.first_block, &last.last_map] {
            assert!(probe.size(point).is_some(), "{name}: no point {point}");
        }
    }
}

#[test]
fn logits_for_each_image_are_refused_by_name() {
    let frozen = Frozen::new(&segmenter("cifar_resnet8", None));
    let error = Model::logits(&frozen, images().cast(DType::F32)).unwrap_err();
    assert!(
        error.to_string().contains("gives logits for each pixel"),
        "{error}"
    );
}

#[test]
fn a_neck_of_no_channels_is_refused() {
    let entry = find("resnet18").unwrap();
    let neck = Some(NeckConfig::Fpn(FpnConfig::new(0)));
    let error = entry
        .build_dense(neck, HeadConfig::Fcn, BuildOptions::default(), &scope())
        .unwrap_err();
    assert!(error.to_string().contains("a neck of 0 channels"), "{error}");
}
