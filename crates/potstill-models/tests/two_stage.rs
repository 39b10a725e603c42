//! Two-stage detectors equal their namesakes in torchvision: names, parameters, and what they say of an image and of four boxes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use crate::formula::{fill, noise};
use burn::tensor::{DType, Device, Tensor};
use potstill_base::Digest;
use potstill_models::{BuildOptions, Model, Outputs, RegionDetections, find};
use potstill_ops::{Mode, NormRule, Pass, Role};
use potstill_testing::{
    command::shared,
    numbers::{assert_summary, map, nchw, scope, values},
};
use serde_json::Value;

/// The vectors have six digits.
const SIX_DIGITS: f64 = 5e-6;

fn record(name: &str) -> Option<Value> {
    let file = shared(&format!("methods/dense/{name}.json"))?;
    Some(serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
}

fn fresh(name: &str) -> Model {
    find(name)
        .unwrap()
        .build(BuildOptions::default(), &scope())
        .unwrap()
}

fn parameters(network: &Model) -> usize {
    let entries = network.parameters().entries().into_iter();
    let learned = entries.filter(|entry| entry.role == Role::Weight);
    learned.map(|entry| entry.shape.iter().product::<usize>()).sum()
}

#[test]
#[ignore = "builds seven networks of 40 million parameters"]
fn names_and_parameters_are_those_of_torchvision() {
    let Some(record) = record("networks") else { return };
    for name in [
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_v2",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "maskrcnn_resnet50_fpn",
        "maskrcnn_resnet50_fpn_v2",
    ] {
        let network = fresh(name);
        let wanted = &record[name];
        assert_eq!(
            parameters(&network) as u64,
            wanted["parameters"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(
            crate::names::digest(&network, true),
            wanted["names_sha256_16"].as_str().unwrap(),
            "{name}"
        );
    }
}

/// torchvision builds these with frozen batch norms, whose vectors are no parameters, and which count nothing.
#[test]
#[ignore = "builds six networks of 30 to 60 million parameters"]
fn variants_on_other_backbones_have_the_names_that_torchvision_gives_them() {
    let Some(record) = record("networks") else { return };
    for kind in ["fasterrcnn", "maskrcnn"] {
        for depth in [18, 34, 101] {
            let name = format!("{kind}_resnet{depth}_fpn");
            let wanted = &record[format!("{name}(built, 3 trainable layers)")];
            let entry = find(&name).unwrap();
            let scope = scope().with_norms(NormRule::frozen());
            let network = entry.build(BuildOptions::default(), &scope).unwrap();
            let found = parameters(&network) as u64;
            assert_eq!(found, wanted["parameters"].as_u64().unwrap(), "{name}");
            let names = network.parameters().entries().into_iter();
            let lines: Vec<String> = names
                .map(|entry| format!("{} {:?}", entry.path, entry.shape))
                .collect();
            let hash = &Digest::of(lines.join("\n"))[..16];
            assert_eq!(hash, wanted["names_sha256_16"].as_str().unwrap(), "{name}");
        }
    }
}

/// `[1, 64, 96, 3]`.
fn image() -> Tensor<4> {
    map([1, 3, 64, 96], |i| {
        let (c, y, x) = (i / (64 * 96), i / 96 % 64, i % 96);
        (((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    })
}

/// Sum, sum of squares, the first four values and the last two in `[N, C, H, W]` order.
#[track_caller]
fn regions(outputs: &Outputs) -> RegionDetections {
    outputs.detections().unwrap().regions().unwrap().clone()
}

fn says_what_it_should(name: &str) {
    let Some(record) = record("formula_networks") else {
        return;
    };
    let wanted = &record[name];
    let mut network = fresh(name);
    fill(&mut network, noise, DType::F64);
    let mut pass = Pass::new(Mode::Running);
    let found = regions(&network.forward(image(), &mut pass));
    let levels = wanted["fpn"].as_object().unwrap();
    assert_eq!(found.maps.len(), levels.len());
    for (map, (level, wanted)) in found.maps.iter().zip(levels) {
        assert_summary(&format!("{name}, level {level}"), &nchw(map), wanted, SIX_DIGITS);
    }
    for (level, proposed) in found.proposed.iter().enumerate() {
        let what = format!("{name}, proposals of level {level}");
        assert_summary(
            &what,
            &nchw(&proposed.objectness),
            &wanted["rpn_objectness"][level],
            SIX_DIGITS,
        );
        assert_summary(
            &what,
            &nchw(&proposed.codes),
            &wanted["rpn_deltas"][level],
            SIX_DIGITS,
        );
    }
    let boxes: Vec<[f32; 4]> = serde_json::from_value(wanted["boxes"].clone()).unwrap();
    let boxes = [boxes];
    let pooled = found.heads.pooled(&found.maps, &boxes);
    assert_summary("pooled", &nchw(&pooled), &wanted["pooled"], SIX_DIGITS);
    let said = found.look(&boxes, &mut pass);
    assert_summary(
        "logits",
        &values(&said.logits),
        &wanted["class_logits"],
        SIX_DIGITS,
    );
    assert_summary(
        "boxes",
        &values(&said.codes),
        &wanted["box_regression"],
        SIX_DIGITS,
    );
    if let Some(wanted) = wanted.get("mask_logits") {
        let masks = found.heads.outline(&found.maps, &boxes, &mut pass).unwrap();
        assert_summary("masks", &nchw(&masks), wanted, SIX_DIGITS);
    }
}

#[test]
#[ignore = "a large network in double precision"]
fn a_mobile_detector_says_what_torchvisions_says() {
    says_what_it_should("fasterrcnn_mobilenet_v3_large_320_fpn");
}

#[test]
#[ignore = "a large network in double precision"]
fn a_mask_detector_says_what_torchvisions_says() {
    says_what_it_should("fasterrcnn_resnet50_fpn");
    says_what_it_should("maskrcnn_resnet50_fpn");
}

/// A small detector with masks, as it comes: proposals lie in their image, detections too, and each has its mask.
#[test]
fn detections_lie_in_their_images() {
    let options = BuildOptions {
        classes: Some(3),
        ..BuildOptions::default()
    };
    let network = find("maskrcnn_cifar_resnet8")
        .unwrap()
        .build(options, &scope())
        .unwrap();
    let images = Tensor::ones([2, 32, 48, 3], &Device::flex());
    let mut found = regions(&network.forward(images, &mut Pass::new(Mode::Running)));
    found.rules.detections.threshold = 0.0;
    let sizes = [[32, 48], [20, 30]];
    let proposals = found.proposals(&sizes, &found.rules.measuring);
    let detections = found.detections(&sizes);
    for ((proposals, detections), [height, width]) in proposals.iter().zip(&detections).zip(sizes) {
        let is_inside = |[left, top, right, bottom]: [f32; 4]| {
            0.0 <= left
                && left <= right
                && right <= width as f32
                && 0.0 <= top
                && top <= bottom
                && bottom <= height as f32
        };
        assert!(!proposals.is_empty() && proposals.iter().all(|corners| is_inside(*corners)));
        assert!(!detections.is_empty());
        for one in detections {
            assert!(
                is_inside(one.found.corners) && one.found.class < 3,
                "{:?}",
                one.found
            );
            let mask = one.mask.as_ref().unwrap();
            assert!(mask.len() == 28 * 28 && mask.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}
