//! The mean intersection over union is that of an independent computation.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_metrics::{MEAN_IOU, PixelConfusion};
use serde_json::Value;

/// Made by plain `NumPy` from label maps and predictions.
fn record() -> Value {
    serde_json::from_str(include_str!("reference/miou.json")).unwrap()
}

fn flat(value: &Value) -> Vec<u64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        value => vec![value.as_u64().unwrap()],
    }
}

#[track_caller]
fn near(found: Option<f64>, expected: &Value) {
    match expected.as_f64() {
        Some(expected) => assert!(
            (found.unwrap() - expected).abs() < 1e-6,
            "{found:?} is not {expected}"
        ),
        None => assert_eq!(found, None),
    }
}

#[test]
fn ignored_pixels_and_classes_without_a_union_do_not_count() {
    let record = record();
    let case = &record["case"];
    let mut pixels = PixelConfusion::new(4);
    let images = case["labels"].as_array().unwrap().iter();
    for (labels, told) in images.zip(case["predictions"].as_array().unwrap()) {
        let labels: Vec<u8> = flat(labels).into_iter().map(|label| label as u8).collect();
        let told: Vec<usize> = flat(told).into_iter().map(|told| told as usize).collect();
        pixels.add_image(&labels, &told, 255);
    }
    assert_eq!(pixels.counts(), flat(&case["confusion_rows_are_labels"]));
    for (found, name) in [(pixels.iou(), "iou"), (pixels.class_accuracy(), "class_accuracy")] {
        let expected = case[name].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        found
            .into_iter()
            .zip(expected)
            .for_each(|(found, expected)| near(found, expected));
    }
    let metrics = pixels.metrics();
    let found = |name: &str| Some(metrics[name] / 100.0);
    near(found("miou"), &case["mean_iou_over_classes_with_a_union"]);
    near(found("pixel_accuracy"), &case["pixel_accuracy"]);
    near(found("class_accuracy"), &case["mean_class_accuracy"]);
    near(found("frequency_weighted_iou"), &case["frequency_weighted_iou"]);
    let names = ["a", "b", "c", "d"].map(String::from);
    let classes = pixels.by_class(&names);
    let images: Vec<_> = classes
        .iter()
        .map(|class| (class.class.as_str(), class.images))
        .collect();
    assert_eq!(images, [("a", 2), ("b", 2), ("c", 1)]);
}

#[test]
fn one_table_stands_for_the_whole_set() {
    let record = record();
    let case = &record["mean_by_dataset_not_by_image"];
    let mut pixels = PixelConfusion::new(2);
    for table in case["confusions_of_two_images"].as_array().unwrap() {
        for (place, count) in flat(table).into_iter().enumerate() {
            (0..count).for_each(|_| pixels.add(place / 2, place % 2));
        }
    }
    near(
        pixels.metrics().of(&MEAN_IOU).map(|value| value / 100.0),
        &case["mean_iou"],
    );
}

#[test]
fn nothing_measured_is_no_number() {
    assert_eq!(PixelConfusion::new(3).metrics().of(&MEAN_IOU), None);
}

#[test]
fn an_answer_that_is_no_class_misses_its_pixel_and_hits_no_other_class() {
    let mut pixels = PixelConfusion::new(2);
    for (label, told) in [(0, 0), (0, 2), (1, 1), (1, 0), (7, 0)] {
        pixels.add(label, told);
    }
    // By hand: of class 0 one is right of two labelled and one more told; of class 1 one of two.
    assert_eq!(pixels.iou(), [Some(1.0 / 3.0), Some(0.5)]);
    assert_eq!(pixels.pixel_accuracy(), Some(0.5));
}
