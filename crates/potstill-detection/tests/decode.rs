//! From heads to detections against torchvision 0.29 (`tests/reference/postprocess.json`).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use potstill_detection::{
    AnchorGrid, BoxCoder, Corners, DecodeRule, DenseLevel, DistanceCoder, Found, default_box_detections,
    dense_detections, proposals, region_detections,
};
use serde_json::{Value, from_value};

const IMAGE: [usize; 2] = [60, 90];
const PADDED: [usize; 2] = [64, 96];
const MAPS: [[usize; 2]; 5] = [[8, 12], [4, 6], [2, 3], [1, 2], [1, 1]];

fn reference() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/postprocess.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn filled(count: usize, value: impl Fn(f64) -> f64) -> Vec<f32> {
    (0..count).map(|at| value(at as f64) as f32).collect()
}

fn sigmoid(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

/// Rows of probabilities of these logits.
fn softmax(rows: usize, classes: usize, logit: impl Fn(f64) -> f64) -> Vec<f32> {
    let row = |row: usize| {
        let powers: Vec<f64> = (0..classes)
            .map(|class| logit((row * classes + class) as f64).exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| (power / sum) as f32)
    };
    (0..rows).flat_map(row).collect()
}

/// What belongs to each level.
fn levels<'a>(
    grid: &AnchorGrid,
    anchors: &'a [Corners],
    scores: &'a [f32],
    codes: &'a [[f32; 4]],
) -> Vec<DenseLevel<'a>> {
    let classes = scores.len() / anchors.len();
    let mut begin = 0;
    let level = |(level, [rows, columns]): (usize, [usize; 2])| {
        let end = begin + rows * columns * grid.per_place(level);
        let part = DenseLevel {
            anchors: &anchors[begin..end],
            scores: &scores[begin * classes..end * classes],
            codes: &codes[begin..end],
        };
        begin = end;
        part
    };
    MAPS.into_iter().enumerate().map(level).collect()
}

fn assert_equal(found: &[Found], case: &Value, has_labels: bool) {
    assert_eq!(found.len() as u64, case["count"].as_u64().unwrap());
    let boxes: Vec<Corners> = from_value(case["boxes"].clone()).unwrap();
    let scores: Vec<f32> = from_value(case["scores"].clone()).unwrap();
    for (at, one) in found.iter().take(boxes.len()).enumerate() {
        for (side, wanted) in one.corners.iter().zip(boxes[at]) {
            assert!(
                (side - wanted).abs() < 2e-3,
                "{at}: {:?} is not {:?}",
                one.corners,
                boxes[at]
            );
        }
        assert!((one.score - scores[at]).abs() < 2e-6, "{at}");
        if has_labels {
            assert_eq!(one.class as u64, case["labels"][at].as_u64().unwrap(), "{at}");
        }
    }
    let near = |sum: f64, wanted: &Value| {
        let wanted = wanted.as_f64().unwrap();
        assert!((sum - wanted).abs() < 2e-5 * wanted, "{sum} is not {wanted}");
    };
    near(
        found.iter().map(|one| f64::from(one.score)).sum(),
        &case["sum_of_scores"],
    );
    let sides = found.iter().flat_map(|one| one.corners);
    near(sides.map(f64::from).sum(), &case["sum_of_boxes"]);
}

#[test]
fn retinanet_finds_the_same() {
    let (grid, reference) = (AnchorGrid::retinanet(), reference());
    let anchors = grid.anchors(PADDED, &MAPS);
    let scores = filled(anchors.len() * 4, |i| {
        sigmoid(-2.0 + 2.0 * (0.37 * i).sin() * (0.011 * i).cos())
    });
    let codes = filled(anchors.len() * 4, |i| 0.3 * (0.51 * i).sin());
    let levels = levels(&grid, &anchors, &scores, codes.as_chunks().0);
    let coder = BoxCoder::default();
    let found = |rule: &DecodeRule| {
        dense_detections(&levels, 4, IMAGE, |code, anchor| coder.decode(code, anchor), rule)
    };
    assert_equal(&found(&DecodeRule::retinanet()), &reference["retinanet"], true);
    let few = DecodeRule {
        candidates: 100,
        most: 20,
        ..DecodeRule::retinanet()
    };
    assert_equal(&found(&few), &reference["retinanet topk 100, 20 a picture"], true);
}

#[test]
fn fcos_finds_the_same() {
    let grid = AnchorGrid::fcos();
    let anchors = grid.anchors(PADDED, &MAPS);
    let score = |i: f64| {
        (sigmoid(-1.0 + 2.0 * (0.37 * i).sin()) * sigmoid(1.5 * (0.7 * (i / 4.0).floor()).sin())).sqrt()
    };
    let scores = filled(anchors.len() * 4, score);
    let codes = filled(anchors.len() * 4, |i| 2.0 + 1.5 * (0.51 * i).sin());
    let levels = levels(&grid, &anchors, &scores, codes.as_chunks().0);
    let found = dense_detections(
        &levels,
        4,
        IMAGE,
        |code, anchor| DistanceCoder.decode(code, anchor),
        &DecodeRule::fcos(),
    );
    assert_equal(&found, &reference()["fcos"], true);
}

#[test]
fn regions_are_proposed_alike() {
    let grid = AnchorGrid::proposals();
    let anchors = grid.anchors(PADDED, &MAPS);
    let scores = filled(anchors.len(), |i| sigmoid(2.0 * (0.41 * i).sin()));
    let codes = filled(anchors.len() * 4, |i| 0.3 * (0.53 * i).sin());
    let levels = levels(&grid, &anchors, &scores, codes.as_chunks().0);
    let rule = DecodeRule {
        candidates: 60,
        most: 40,
        ..DecodeRule::proposals()
    };
    let coder = BoxCoder::default();
    let found = proposals(&levels, IMAGE, |code, anchor| coder.decode(code, anchor), &rule);
    assert_equal(&found, &reference()["rpn"], false);
}

#[test]
fn heads_on_regions_find_the_same() {
    let reference = reference();
    let case = &reference["fast_rcnn"];
    let regions: Vec<Corners> = from_value(case["proposals"].clone()).unwrap();
    let coder = BoxCoder::weighted();
    let codes = filled(regions.len() * 16, |i| (0.31 * i).sin());
    let codes: &[[f32; 4]] = codes.as_chunks().0;
    let boxes: Vec<Corners> = (0..codes.len())
        .map(|at| coder.decode(codes[at], regions[at / 4]))
        .collect();
    let probabilities = softmax(regions.len(), 4, |i| 2.0 * (0.77 * i).sin());
    let found = region_detections(&probabilities, &boxes, 4, IMAGE, &DecodeRule::roi_heads());
    assert_equal(&found, case, true);
}

#[test]
fn default_boxes_find_the_same() {
    let regions: [Corners; 10] = [
        [0.0, 0.0, 10.0, 10.0],
        [5.0, 5.0, 20.0, 20.0],
        [10.0, 10.0, 40.0, 40.0],
        [30.0, 30.0, 60.0, 60.0],
        [0.0, 20.0, 20.0, 40.0],
        [40.0, 0.0, 60.0, 20.0],
        [2.0, 2.0, 9.0, 12.0],
        [50.0, 50.0, 64.0, 64.0],
        [0.0, 40.0, 30.0, 64.0],
        [20.0, 20.0, 50.0, 50.0],
    ];
    let coder = BoxCoder::weighted();
    let codes = filled(40, |i| 0.5 * (0.6 * i).sin());
    let boxes: Vec<Corners> = codes
        .as_chunks()
        .0
        .iter()
        .zip(regions)
        .map(|(code, region)| coder.decode(*code, region))
        .collect();
    let probabilities = softmax(10, 4, |i| 2.0 * (1.3 * i).sin());
    let found = default_box_detections(&probabilities, &boxes, 4, [64, 64], &DecodeRule::ssdlite());
    assert_equal(&found, &reference()["ssd"], true);
}
