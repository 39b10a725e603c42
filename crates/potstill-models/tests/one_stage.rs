//! One-stage detectors equal their namesakes in torchvision: names, parameters, and what they say of an image.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use crate::formula::{fill, noise};
use burn::tensor::{DType, Device, Tensor};
use potstill_models::{BuildOptions, DenseDetections, Detections, Model, Outputs, find};
use potstill_ops::{Mode, NormRule, Pass, Point, Role, Scope, Taps, count_trainable};
use potstill_random::Seed;
use potstill_testing::numbers::{assert_summary, dense_vectors, map, nchw, scope, values};

/// The vectors have six digits.
const SIX_DIGITS: f64 = 5e-6;

fn fresh(name: &str, scope: &Scope) -> Model {
    find(name).unwrap().build(BuildOptions::default(), scope).unwrap()
}

#[test]
#[ignore = "builds networks of 40 million parameters"]
fn names_and_parameters_are_those_of_torchvision() {
    let Some(record) = dense_vectors("networks") else {
        return;
    };
    let names = [
        "retinanet_resnet50_fpn",
        "retinanet_resnet50_fpn_v2",
        "fcos_resnet50_fpn",
    ];
    for name in names {
        let network = fresh(name, &scope());
        let wanted = &record[name];
        let parameters = count_trainable(network.parameters()) as u64;
        assert_eq!(Some(parameters), wanted["parameters"].as_u64(), "{name}");
        assert_eq!(
            Some(&*crate::names::digest(&network, true)),
            wanted["names_sha256_16"].as_str(),
            "{name}"
        );
    }
}

/// With frozen batch norms, as weights are published for.
fn frozen_ones_are_torchvisions(depths: &[usize]) {
    let Some(record) = dense_vectors("networks") else {
        return;
    };
    let scope = Scope::new(&Device::flex(), Seed::new(0), "test").with_norms(NormRule::frozen());
    for depth in depths {
        for (name, record_name) in [
            (
                format!("retinanet_resnet{depth}_fpn"),
                format!("retinanet_resnet{depth}_fpn(built, P6 from P5)"),
            ),
            (
                format!("fcos_resnet{depth}_fpn"),
                format!("fcos_resnet{depth}_fpn(built)"),
            ),
        ] {
            let network = fresh(&name, &scope);
            let wanted = &record[record_name];
            let parameters = count_trainable(network.parameters()) as u64;
            assert_eq!(Some(parameters), wanted["parameters"].as_u64(), "{name}");
            assert_eq!(
                Some(&*crate::names::digest(&network, false)),
                wanted["names_sha256_16"].as_str(),
                "{name}"
            );
        }
    }
}

#[test]
#[ignore = "builds networks of 20 million parameters"]
fn small_frozen_ones_are_torchvisions() {
    frozen_ones_are_torchvisions(&[18]);
}

#[test]
#[ignore = "builds networks of 50 million parameters"]
fn large_frozen_ones_are_torchvisions() {
    frozen_ones_are_torchvisions(&[34, 50, 101]);
}

/// `[1, height, width, 3]`.
fn image([height, width]: [usize; 2]) -> Tensor<4> {
    map([1, 3, height, width], |i| {
        let (c, y, x) = (i / (height * width), i / width % height, i % width);
        (((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    })
}

/// Sum, sum of squares, the first four values and the last two.
#[track_caller]
fn dense(outputs: Outputs) -> DenseDetections {
    if let Outputs::Detections(detections) = outputs
        && let Detections::Dense(dense) = *detections
    {
        return dense;
    }
    panic!("no anchors")
}

fn says_what_it_should(name: &str) {
    let Some(record) = dense_vectors("formula_networks") else {
        return;
    };
    let wanted = &record[name];
    let mut network = fresh(name, &scope());
    fill(&mut network, noise, DType::F64);
    let points: Vec<Point> = network.stage_ends().into_iter().map(|end| end.post).collect();
    let mut taps = Taps::at(&points);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let found = dense(network.forward(image([64, 96]), &mut pass));
    let levels = wanted["fpn"].as_object().unwrap();
    assert_eq!(points.len(), levels.len());
    for (point, (level, wanted)) in points.iter().zip(levels) {
        let map = taps.map(point).unwrap();
        assert_summary(&format!("{name}, level {level}"), &nchw(&map), wanted, SIX_DIGITS);
    }
    let head = &wanted["head"];
    assert_summary(
        "logits",
        &values(&found.logits()),
        &head["cls_logits"],
        SIX_DIGITS,
    );
    assert_summary(
        "boxes",
        &values(&found.codes()),
        &head["bbox_regression"],
        SIX_DIGITS,
    );
    if let Some(wanted) = head.get("bbox_ctrness") {
        assert_summary(
            "centre-ness",
            &values(&found.centerness().unwrap()),
            wanted,
            SIX_DIGITS,
        );
    }
}

#[test]
#[ignore = "a large network in double precision"]
fn retinanet_says_what_torchvisions_says() {
    says_what_it_should("retinanet_resnet50_fpn");
}

#[test]
#[ignore = "a large network in double precision"]
fn fcos_says_what_torchvisions_says() {
    says_what_it_should("fcos_resnet50_fpn");
}

/// A small detector as it comes: what it finds lies in its images, and nothing is told of the padding.
#[test]
fn detections_lie_in_their_images() {
    let options = BuildOptions {
        classes: Some(3),
        ..BuildOptions::default()
    };
    let network = find("fcos_cifar_resnet8")
        .unwrap()
        .build(options, &scope())
        .unwrap();
    let images = Tensor::ones([2, 32, 48, 3], &Device::flex());
    let mut found = dense(network.forward(images, &mut Pass::new(Mode::Running)));
    assert_eq!((found.images(), found.classes()), (2, 3));
    assert_eq!(found.anchors_of_levels(), [8 * 12, 4 * 6, 2 * 3]);
    assert_eq!(found.anchors().len(), 96 + 24 + 6);
    found.rules.detections.threshold = 0.0;
    let sizes = [[32, 48], [20, 30]];
    let detections = found.detached().found(&sizes);
    for (detections, [height, width]) in detections.iter().zip(sizes) {
        assert!(!detections.is_empty());
        for one in detections {
            let [left, top, right, bottom] = one.corners;
            assert!(0.0 <= left && left <= right && right <= width as f32, "{one:?}");
            assert!(0.0 <= top && top <= bottom && bottom <= height as f32, "{one:?}");
            assert!(one.class < 3 && one.score > 0.0);
        }
    }
}

/// The heads are the same at every level, so each gets a gradient from each.
#[test]
fn every_weight_is_reached() {
    let network = fresh("fcos_cifar_resnet8", &scope());
    let images = Tensor::ones([1, 32, 32, 3], &Device::flex());
    let found = dense(network.forward(images, &mut Pass::new(Mode::Batch)));
    let loss = found.logits().sum() + found.codes().sum() + found.centerness().unwrap().sum();
    let mut reached = Vec::new();
    network
        .parameters()
        .each_gradient(&loss.backward(), &mut |entry, _| reached.push(entry.path.clone()));
    let weights = network
        .parameters()
        .entries()
        .into_iter()
        .filter(|entry| entry.role == Role::Weight);
    assert_eq!(reached, weights.map(|entry| entry.path).collect::<Vec<_>>());
}
