//! Average precision as Pascal VOC measures it (`tests/reference/voc_ap.json`: by the words of VOC's development kit).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use potstill_metrics::{VocDetection, VocObject, VocRule, voc_average_precision};
use serde_json::Value;

const IMAGES: [&str; 3] = ["a", "b", "c"];

#[test]
fn both_rules_give_the_recorded_values() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/voc_ap.json");
    let reference: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let case = &reference["case"];
    let corners = |value: &Value| -> [f64; 4] { serde_json::from_value(value["box"].clone()).unwrap() };
    let mut truth = Vec::new();
    for (image, name) in IMAGES.iter().enumerate() {
        truth.extend(
            case["gt"][name]
                .as_array()
                .unwrap()
                .iter()
                .map(|object| VocObject {
                    image,
                    corners: corners(object),
                    difficult: object["difficult"] == true,
                }),
        );
    }
    let found: Vec<VocDetection> = case["dt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| VocDetection {
            image: IMAGES.iter().position(|name| found["image"] == *name).unwrap(),
            corners: corners(found),
            score: found["score"].as_f64().unwrap(),
        })
        .collect();
    for (rule, name) in [
        (VocRule::Area, "ap_area"),
        (VocRule::ElevenPoints, "ap_11_points"),
    ] {
        let value = voc_average_precision(&truth, &found, rule).unwrap();
        assert!(
            (value - case[name].as_f64().unwrap()).abs() < 1e-6,
            "{name}: {value}"
        );
    }
}

#[test]
fn corners_are_whole_pixels_and_a_half_is_not_enough() {
    let object = |corners| VocObject {
        image: 0,
        corners,
        difficult: false,
    };
    let found = |corners| VocDetection {
        image: 0,
        corners,
        score: 1.0,
    };
    let ap = |one, two| voc_average_precision(&[object(one)], &[found(two)], VocRule::Area);
    // 10x10 pixels, of which 5x10 are in common with a box moved by 5: a third.
    assert_eq!(ap([0.0, 0.0, 9.0, 9.0], [5.0, 0.0, 14.0, 9.0]), Some(0.0));
    // Half of the pixels, exactly: not more than a half.
    assert_eq!(ap([0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 4.0]), Some(0.0));
    assert_eq!(ap([0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 5.0]), Some(1.0));
    assert_eq!(voc_average_precision(&[], &[], VocRule::Area), None);
}
