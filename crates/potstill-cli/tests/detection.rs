//! A detector with its published weights, measured from the command line.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_testing::command::{Place, shared};
use serde_json::Value;

/// FastestDet on the validation images of `coco-mini`; recorded by pycocotools with images that Pillow decoded: AP 17.96 and AP50 36.23.
#[test]
fn fastestdet_has_its_known_precision() {
    let (Some(weights), Some(data)) = (
        shared("data/coco-teacher/fastestdet-coco.pth"),
        shared("data/coco-mini/coco-mini.tar"),
    ) else {
        return;
    };
    let [weights, data] = [weights, data].map(|path| path.display().to_string());
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let found: Value = place.json(&[
        "eval",
        "--model",
        "fastestdet",
        "--weights",
        &weights,
        "--data",
        &data,
        "--split",
        "val",
        "--json",
    ]);
    let number = |key: &str| found[key].as_f64().unwrap();
    assert_eq!(number("count"), 64.0);
    assert!((number("ap") - 17.9637).abs() < 0.2, "{}", number("ap"));
    assert!((number("ap50") - 36.2256).abs() < 0.5, "{}", number("ap50"));
    assert!((number("ar100") - 25.4902).abs() < 0.2, "{}", number("ar100"));
}
