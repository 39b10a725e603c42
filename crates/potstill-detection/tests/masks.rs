//! Masks in their image against torchvision 0.29 (`tests/reference/masks.json`).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use potstill_detection::paste;
use serde_json::{Value, from_value};

#[test]
fn masks_lie_where_they_lie_there() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/masks.json");
    let reference: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let case = &reference["paste"];
    let masks: Vec<f32> = (0..98)
        .map(|i| (0.5 + 0.5 * (0.4 * f64::from(i)).sin()) as f32)
        .collect();
    let boxes: Vec<[f32; 4]> = from_value(case["boxes"].clone()).unwrap();
    let (mut sum, mut squares) = (0.0, 0.0);
    for (at, corners) in boxes.into_iter().enumerate() {
        let pixels = paste(&masks[49 * at..], 7, corners, [12, 16]);
        sum += pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>();
        squares += pixels.iter().map(|&pixel| f64::from(pixel).powi(2)).sum::<f64>();
        let binary: Vec<u8> = pixels.iter().map(|pixel| u8::from(*pixel >= 0.5)).collect();
        let name = ["binary_first", "binary_second"][at];
        let rows: Vec<Vec<u8>> = from_value(case[name].clone()).unwrap();
        assert_eq!(binary, rows.concat(), "{name}");
        if at == 0 {
            let row: Vec<f32> = from_value(case["row5_of_first"].clone()).unwrap();
            for (found, wanted) in pixels[5 * 16..6 * 16].iter().zip(row) {
                assert!((found - wanted).abs() < 1e-5, "{found} is not {wanted}");
            }
        }
    }
    let near = |found: f64, wanted: &Value| assert!((found - wanted.as_f64().unwrap()).abs() < 1e-3);
    near(sum, &case["pasted"]["sum"]);
    near(squares, &case["pasted"]["sum_of_squares"]);
}
