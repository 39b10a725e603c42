//! The classic operations give Pillow's results to the bit.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_data::{Image, pil_ops::PilOp};
use serde_json::Value;

fn record() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/pil_ops.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn drawn(height: usize, width: usize, value: impl Fn(usize, usize, usize) -> usize) -> Image {
    let pixels = (0..height * width * 3).map(|i| value(i / 3 % width, i / 3 / width, i % 3) as u8);
    Image {
        height,
        width,
        channels: 3,
        pixels: pixels.collect(),
    }
}

fn picture(height: usize, width: usize) -> Image {
    drawn(height, width, |x, y, c| {
        (7 * x + 5 * y + 60 * c + 9 * (x * y % (11 + c))) % 256
    })
}

fn seen(image: &Image) -> Vec<u64> {
    let values = image.pixels.iter().map(|&value| u64::from(value));
    let weighted = values.clone().zip(1..).map(|(value, i)| i * value).sum();
    let mut seen = vec![values.clone().sum(), weighted];
    seen.extend(values.skip(96 * 7 + 9).take(6));
    seen
}

fn numbers(value: &Value) -> Vec<u64> {
    let items = value.as_array().unwrap();
    items.iter().map(|item| item.as_u64().unwrap()).collect()
}

#[test]
fn every_operation_is_pillows() {
    let record = record();
    let picture = picture(24, 32);
    let cases = record["cases"].as_array().unwrap();
    for case in cases {
        let strength = case["strength"].as_f64().unwrap();
        let operation = match case["name"].as_str().unwrap() {
            "brightness" => PilOp::Brightness(strength as f32),
            "colour" => PilOp::Colour(strength as f32),
            "contrast" => PilOp::Contrast(strength as f32),
            "sharpness" => PilOp::Sharpness(strength as f32),
            "posterize" => PilOp::Posterize(strength as u32),
            "solarize" => PilOp::Solarize(strength),
            "shear-x" => PilOp::ShearX(strength),
            "shear-y" => PilOp::ShearY(strength),
            "translate-x" => PilOp::TranslateX(strength as i32),
            "translate-y" => PilOp::TranslateY(strength as i32),
            "rotate" => PilOp::Rotate(strength),
            "equalize" => PilOp::Equalize,
            "invert" => PilOp::Invert,
            other => panic!("{other}"),
        };
        let changed = operation.apply(&picture);
        assert_eq!(changed.shape(), picture.shape());
        assert_eq!(seen(&changed), numbers(&case["seen"]), "{operation:?}");
    }
    assert!(cases.len() > 180);
}

#[test]
fn equalizing_leaves_what_has_nothing_to_even_out() {
    let record = record();
    let dull = drawn(24, 32, |x, y, c| {
        [100 + (x * y) % 17, 30 + (x + y) % 3 * (x % 2), 77][c]
    });
    assert_eq!(
        seen(&PilOp::Equalize.apply(&dull)),
        numbers(&record["dull"]["equalize"])
    );
    let few = PilOp::Equalize.apply(&picture(5, 9));
    let bytes: Vec<u64> = few.pixels.iter().map(|&value| u64::from(value)).collect();
    assert_eq!(bytes, numbers(&record["few_pixels"]["equalize"]));
}

#[test]
fn pictures_of_any_size_are_taken() {
    for (height, width, channels) in [(1, 1, 3), (2, 5, 1), (1, 7, 3), (0, 0, 3), (3, 0, 1)] {
        let image = Image {
            height,
            width,
            channels,
            pixels: (0..height * width * channels).map(|i| (40 * i) as u8).collect(),
        };
        for operation in [
            PilOp::Brightness(1.5),
            PilOp::Colour(0.3),
            PilOp::Contrast(0.3),
            PilOp::Sharpness(1.9),
            PilOp::Posterize(0),
            PilOp::Rotate(-17.0),
            PilOp::ShearX(0.2),
            PilOp::Equalize,
        ] {
            assert_eq!(operation.apply(&image).shape(), image.shape());
        }
    }
}
