//! Masks as COCO's tools have them (`tests/reference/masks.json`: pycocotools 2.0.11).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use potstill_metrics::{RunMask, coco::Region};
use serde_json::Value;

fn reference() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/masks.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn counts(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Rows of `0` and `1` and their size.
fn rows(value: &Value) -> ([usize; 2], Vec<bool>) {
    let rows: Vec<String> = serde_json::from_value(value.clone()).unwrap();
    let pixels = rows.iter().flat_map(|row| row.chars().map(|pixel| pixel == '1'));
    ([rows.len(), rows[0].len()], pixels.collect())
}

fn rectangle(size: [usize; 2], rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> RunMask {
    let pixels =
        (0..size[0] * size[1]).map(|at| rows.contains(&(at / size[1])) && columns.contains(&(at % size[1])));
    RunMask::from_rows(size, &pixels.collect::<Vec<_>>())
}

#[test]
fn runs_and_texts_are_those_of_the_tools_of_coco() {
    let reference = reference();
    let drawn = &reference["mask_6x7"];
    let (size, pixels) = rows(&drawn["rows"]);
    let mask = RunMask::from_rows(size, &pixels);
    assert_eq!(mask.counts(), counts(&drawn["uncompressed"]));
    assert_eq!(mask.to_text(), drawn["compressed"].as_str().unwrap());
    assert_eq!(mask.area(), drawn["area"].as_u64().unwrap());
    assert_eq!(serde_json::json!(mask.bounds()), drawn["bbox"]);
    assert_eq!(mask.to_rows(), pixels);
    assert_eq!(RunMask::from_text(size, &mask.to_text()), Ok(mask));

    for (name, size) in [("empty_4x5", [4, 5]), ("full_4x5", [4, 5])] {
        let case = &reference[name];
        let mask = RunMask::from_counts(size, counts(&case["uncompressed"])).unwrap();
        assert_eq!(mask.to_text(), case["compressed"].as_str().unwrap(), "{name}");
        assert_eq!(serde_json::json!(mask.bounds()), case["bbox"], "{name}");
    }

    let waves = &reference["waves_40x50"];
    let pixels: Vec<bool> = (0..2000).map(|at| f64::sin(0.9 * f64::from(at)) > 0.3).collect();
    let mask = RunMask::from_rows([40, 50], &pixels);
    assert_eq!(mask.area(), waves["area"].as_u64().unwrap());
    assert_eq!(mask.counts().len() as u64, waves["runs"].as_u64().unwrap());
    assert!(mask.to_text().starts_with(waves["compressed"].as_str().unwrap()));
    assert_eq!(RunMask::from_text([40, 50], &mask.to_text()), Ok(mask));

    let block = &reference["block_300x400"];
    let mask = rectangle([300, 400], 20..280, 30..390);
    assert_eq!(mask.to_text().len() as u64, block["length"].as_u64().unwrap());
    assert!(
        mask.to_text()
            .starts_with(block["compressed_first40"].as_str().unwrap())
    );
}

#[test]
fn outlines_cover_the_pixels_that_they_cover_there() {
    for (name, case) in reference()["polygons_8x12"].as_object().unwrap() {
        let flat: Vec<f64> = serde_json::from_value(case["polygon"].clone()).unwrap();
        let corners: Vec<[f64; 2]> = flat.as_chunks().0.to_vec();
        let (size, pixels) = rows(&case["rows"]);
        let mask = RunMask::from_outline(size, &corners);
        assert_eq!(mask.to_rows(), pixels, "{name}");
        assert_eq!(mask.area(), case["area"].as_u64().unwrap(), "{name}");
    }
}

#[test]
fn overlaps_are_shares_of_the_union_and_of_the_detection_where_the_other_is_a_crowd() {
    let reference = reference();
    let case = &reference["iou"];
    let (one, two) = (rectangle([8, 8], 1..5, 1..5), rectangle([8, 8], 2..5, 2..7));
    assert_eq!(one.union(&two).area(), case["union_area"].as_u64().unwrap());
    assert_eq!(
        one.intersection(&two),
        case["intersection_area"].as_u64().unwrap()
    );
    let near = |one: f64, two: &Value| assert!((one - two.as_f64().unwrap()).abs() < 1e-12, "{one} {two}");
    let (one, two) = (Region::Mask(one), Region::Mask(two));
    near(one.overlap(&two, false), &case["iou"]);
    near(one.overlap(&two, true), &case["iou_b_is_crowd"]);

    let case = &reference["box_iou_crowd"];
    let boxes = |name: &str| -> Vec<[f64; 4]> { serde_json::from_value(case[name].clone()).unwrap() };
    for (row, found) in boxes("dt").into_iter().enumerate() {
        for (column, object) in boxes("gt").into_iter().enumerate() {
            let overlap = Region::Box(found).overlap(&Region::Box(object), case["iscrowd"][column] == 1);
            near(overlap, &case["iou"][row][column]);
        }
    }
}

#[test]
fn wild_outlines_do_no_harm() {
    let wild = [[f64::NAN, 0.0], [1e300, -1e300], [f64::INFINITY, 5.0]];
    assert_eq!(RunMask::from_outline([3, 3], &wild).to_rows().len(), 9);
    assert_eq!(RunMask::from_outline([3, 3], &[]), RunMask::empty([3, 3]));
    assert_eq!(RunMask::from_outline([0, 0], &wild).area(), 0);
}
