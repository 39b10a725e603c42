//! `potstill eval --predictions`: result files of any origin. The numbers are those of pycocotools for the same files.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use potstill_testing::command::Place;
use serde_json::{Value, json};

const NAMES: [&str; 12] = [
    "ap",
    "ap50",
    "ap75",
    "ap_small",
    "ap_medium",
    "ap_large",
    "ar1",
    "ar10",
    "ar100",
    "ar_small",
    "ar_medium",
    "ar_large",
];

/// The files of a case, and its twelve numbers.
fn case(name: &str) -> (Place, Value) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../potstill-data/tests/reference/coco.json"
    );
    let reference: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let (place, case) = (Place::new(env!("CARGO_BIN_EXE_potstill")), &reference[name]);
    fs::write(place.path("truth.json"), case["gt"].to_string()).unwrap();
    fs::write(place.path("found.json"), case["dt"].to_string()).unwrap();
    (place, case["stats"].clone())
}

fn eval<'a>(task: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let given = [
        "eval",
        "--task",
        task,
        "--predictions",
        "found.json",
        "--truth",
        "truth.json",
    ];
    [&given[..], more].concat()
}

#[test]
fn boxes_and_masks_are_measured_in_percent() {
    for (name, task) in [
        ("basic", "detection"),
        ("areas", "detection"),
        ("segm", "instance-segmentation"),
    ] {
        let (place, stats) = case(name);
        let found = place.json(&eval(task, &["--json"]));
        for (at, key) in NAMES.into_iter().enumerate() {
            let wanted = stats[at].as_f64().unwrap();
            match found[key].as_f64() {
                Some(value) => assert!((value - 100.0 * wanted).abs() < 1e-9, "{name}, {key}: {value}"),
                None => assert_eq!(wanted, -1.0, "{name}, {key}: nothing to measure"),
            }
        }
        let text = place.out(&eval(task, &[]));
        let ap = format!("ap {:.2}", 100.0 * stats[0].as_f64().unwrap());
        assert!(text.contains(&ap), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let (place, _) = case("basic");
    let found = |category: i64| json!([{ "image_id": 1, "category_id": category, "bbox": [10, 10, 40, 40], "score": 0.5 }]);
    fs::write(place.path("found.json"), found(77).to_string()).unwrap();
    let said = place.refused(&eval("detection", &[]), 1);
    assert!(
        said.contains("no result is of a category of the truth: found.json has the ids 77"),
        "{said}"
    );
    let said = place.refused(&eval("classification", &[]), 2);
    assert!(said.contains("--task detection"), "{said}");
    let mut two = found(77).as_array().unwrap().clone();
    two.extend(found(1).as_array().unwrap().clone());
    fs::write(place.path("found.json"), Value::from(two).to_string()).unwrap();
    let output = place.run(&eval("detection", &[]));
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("1 results of category 77")
    );
}
