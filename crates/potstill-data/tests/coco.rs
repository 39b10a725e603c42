//! COCO's files, and what is measured by them (`tests/reference/coco.json`: pycocotools 2.0.11).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use potstill_data::BoundingBox;
use potstill_data::coco::{CocoAnnotations, CocoFound, CocoResults, RegionKind};
use potstill_metrics::RunMask;
use potstill_metrics::coco::{ClassScores, CocoScores, average_precision};
use serde_json::{Value, json};

fn reference() -> serde_json::Map<String, Value> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/coco.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Both files of a case, read.
fn read(truth: &Value, results: &Value) -> Result<(CocoAnnotations, CocoResults), String> {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        let path = place.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let text = |error: potstill_data::DataError| {
        error
            .to_string()
            .replace(&format!("{}/", place.path().display()), "")
    };
    let truth = CocoAnnotations::read(&write("truth.json", truth)).map_err(text)?;
    let results = CocoResults::read(&write("results.json", results)).map_err(text)?;
    Ok((truth, results))
}

fn scores((truth, results): &(CocoAnnotations, CocoResults), kind: RegionKind) -> CocoScores {
    let found = results.detections(truth, kind).unwrap();
    average_precision(&truth.truth(kind).unwrap(), &found, truth.categories.len())
}

/// COCO's tools say -1 where there is nothing to measure.
fn assert_near(found: Option<f64>, wanted: &Value, what: &str) {
    let (found, wanted) = (found.unwrap_or(-1.0), wanted.as_f64().unwrap());
    assert!((found - wanted).abs() < 1e-12, "{what}: {found} is not {wanted}");
}

#[test]
fn every_case_has_the_twelve_numbers_of_the_tools_of_coco() {
    let mut cases = 0;
    for (name, case) in reference().iter().filter(|(_, case)| case["stats"].is_array()) {
        cases += 1;
        let kind = if case["dt"][0]["segmentation"].is_null() {
            RegionKind::Box
        } else {
            RegionKind::Mask
        };
        let found = scores(&read(&case["gt"], &case["dt"]).unwrap(), kind);
        for (at, (_, value)) in found.named().into_iter().enumerate() {
            assert_near(value, &case["stats"][at], &format!("{name}, number {at}"));
        }
        let of_classes = case["per_category"].as_object().unwrap();
        for (ClassScores { ap, ap50, ar100 }, (id, wanted)) in found.classes.iter().zip(of_classes) {
            for (value, key) in [(ap, "AP"), (ap50, "AP50"), (ar100, "AR100")] {
                assert_near(*value, &wanted[key], &format!("{name}, category {id}, {key}"));
            }
        }
    }
    assert_eq!(cases, 13);
}

fn truth() -> Value {
    json!({
        "images": [{ "id": 7, "file_name": "7.jpg", "height": 20, "width": 30 }],
        "categories": [{ "id": 3, "name": "cat" }, { "id": 90, "name": "dog" }],
        "annotations": [
            { "id": 1, "image_id": 7, "category_id": 90, "bbox": [2, 3, 10, 10], "area": 100, "iscrowd": false,
              "segmentation": [[2, 3, 12, 3, 12, 13, 2, 13]] },
        ],
    })
}

#[test]
fn results_of_unknown_categories_are_counted_and_left_out() {
    let results = json!([
        { "image_id": 7, "category_id": 90, "bbox": [2, 3, 10, 10], "score": 0.5 },
        { "image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 10], "score": 0.9 },
    ]);
    let both = read(&truth(), &results).unwrap();
    assert_eq!(both.1.unknown(&both.0).into_iter().collect::<Vec<_>>(), [(1, 1)]);
    assert_near(scores(&both, RegionKind::Box).ap, &json!(1.0), "AP");
}

#[test]
fn masks_in_every_form_are_measured_and_have_boxes() {
    let same = |segmentation: Value| {
        let results =
            json!([{ "image_id": 7, "category_id": 90, "score": 0.5, "segmentation": segmentation }]);
        let both = read(&truth(), &results).unwrap();
        [RegionKind::Box, RegionKind::Mask].map(|kind| scores(&both, kind).ap.unwrap())
    };
    // Ten columns of ten pixels each, ten apart.
    let mut runs = vec![10; 21];
    (runs[0], runs[20]) = (43, 367);
    let runs = json!(runs);
    let whole = same(json!({ "size": [20, 30], "counts": runs }));
    assert!(whole.iter().all(|ap| (ap - 1.0).abs() < 1e-12), "{whole:?}");
    let outline = same(json!([[2, 3, 12, 3, 12, 13, 2, 13]]));
    assert_eq!(outline, whole);
}

#[test]
fn what_is_wrong_is_told_with_the_object() {
    let with = |key: &str, value: Value| {
        let mut truth = truth();
        truth["annotations"][0][key] = value;
        let read = read(&truth, &json!([]));
        read.and_then(|(truth, _)| {
            truth
                .truth(RegionKind::Mask)
                .map_err(|error| error.to_string().rsplit_once('/').unwrap().1.to_owned())
        })
        .unwrap_err()
    };
    let at = "truth.json, annotation 0 (id 1): ";
    assert_eq!(
        with("category_id", json!(4)),
        format!("{at}there is no category 4")
    );
    assert_eq!(with("image_id", json!(8)), format!("{at}there is no image 8"));
    assert!(with("bbox", json!([1, 2, -3, 4])).contains("[x, y, width, height]"));
    assert!(
        with("segmentation", json!([[1, 2, 3, 4, 5]])).starts_with(&format!("{at}a polygon has 5 numbers"))
    );
    assert!(with("segmentation", json!({ "size": [20, 30], "counts": [1, 2] })).contains("has 600"));
    assert!(with("segmentation", json!({ "size": [30, 20], "counts": [600] })).contains("30x20"));
    assert!(with("segmentation", Value::Null).contains("has no `segmentation`"));

    let result = |result: Value| {
        let (truth, results) = read(&truth(), &json!([result])).unwrap();
        results
            .detections(&truth, RegionKind::Box)
            .unwrap_err()
            .to_string()
    };
    assert!(
        result(json!({ "image_id": 8, "category_id": 3, "bbox": [0, 0, 1, 1], "score": 1 }))
            .contains("there is no image 8")
    );
    assert!(
        result(json!({ "image_id": 7, "category_id": 3, "score": 1 }))
            .contains("result 0 (from 0): it has no `bbox`")
    );
    let no_list = read(&truth(), &json!({ "score": 1 })).unwrap_err();
    assert!(no_list.starts_with("results.json, line 1"), "{no_list}");
}

#[test]
fn a_missing_file_is_told() {
    let said = CocoAnnotations::read(Path::new("none.json"))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("cannot read none.json"), "{said}");
}

#[test]
fn what_is_written_is_read_and_measured() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("found.json");
    let bounds = BoundingBox::new(2.0, 3.0, 12.0, 13.0);
    let inside: Vec<bool> = (0..600)
        .map(|at| (2..12).contains(&(at % 30)) && (3..13).contains(&(at / 30)))
        .collect();
    let found = CocoFound::new(7, 90, bounds, 0.5).with_mask(&RunMask::from_rows([20, 30], &inside));
    CocoFound::write(&[found], &path).unwrap();
    let results = CocoResults::read(&path).unwrap();
    let both = (read(&truth(), &json!([])).unwrap().0, results);
    for kind in [RegionKind::Box, RegionKind::Mask] {
        assert_near(scores(&both, kind).ap, &json!(1.0), "AP");
    }
}
