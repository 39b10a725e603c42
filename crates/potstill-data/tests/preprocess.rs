//! The fixed steps of test images are torchvision's.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_data::augment::{Interpolation, Size, Step};
use potstill_data::{Augment, Image};
use potstill_random::Seed;
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    size: [usize; 2],
    shorter: usize,
    crop: usize,
    interpolation: Interpolation,
    resized: [usize; 2],
    bytes: Vec<u8>,
}

fn record() -> Vec<Case> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/preprocess.json");
    let record: Record = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    record.cases
}

/// The picture of `tools/pil_ops_reference.py`.
fn picture([height, width]: [usize; 2]) -> Image {
    let value = |at: usize| {
        let (x, y, c) = (at / 3 % width, at / 3 / width, at % 3);
        ((7 * x + 5 * y + 60 * c + 9 * (x * y % (11 + c))) % 256) as u8
    };
    Image {
        height,
        width,
        channels: 3,
        pixels: (0..height * width * 3).map(value).collect(),
    }
}

/// Pillow rounds to bytes between its two passes and after them, and these steps do not: a value may be one level off (a
/// little more where weights are negative), and on average is less than half of one.
#[test]
fn the_shorter_side_and_the_middle_are_those_of_torchvision() {
    let cases = record();
    assert!(cases.len() >= 24);
    for case in cases {
        let Case {
            size,
            shorter,
            crop,
            interpolation,
            ..
        } = case;
        let resize = Step::ResizeShorter {
            size: shorter,
            interpolation,
        };
        let cut = Step::CentreCrop {
            size: Size::Square(crop),
        };
        let name = format!("{size:?} to {shorter}, {crop}, {interpolation:?}");
        let resized = Augment::new(vec![resize.clone()]).unwrap();
        let [height, width] = size;
        assert_eq!(
            resized.output_shape([height, width, 3])[..2],
            case.resized,
            "{name}"
        );
        let augment = Augment::new(vec![resize, cut]).unwrap();
        let found = augment.apply(&picture(size), Seed::new(0), 0, 0).unwrap();
        assert_eq!(found.shape(), [crop, crop, 3], "{name}");
        let gaps = found
            .pixels
            .iter()
            .zip(&case.bytes)
            .map(|(value, byte)| (255.0 * value - f32::from(*byte)).abs());
        let (sum, worst) = gaps.fold((0.0, 0.0_f32), |(sum, worst), gap| (sum + gap, worst.max(gap)));
        assert!(worst < 1.2, "{name}: {worst} levels");
        assert!(sum / (case.bytes.len() as f32) < 0.45, "{name}: {sum}");
    }
}

#[test]
fn a_picture_that_has_the_size_stays_as_it_is() {
    let image = picture([12, 12]);
    let as_it_is = Augment::none().apply(&image, Seed::new(0), 0, 0).unwrap();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let resize = Step::ResizeShorter {
            size: 12,
            interpolation,
        };
        let cut = Step::CentreCrop {
            size: Size::Square(12),
        };
        let augment = Augment::new(vec![resize, cut]).unwrap();
        assert_eq!(augment.apply(&image, Seed::new(0), 0, 0).unwrap(), as_it_is);
    }
}

#[test]
fn a_pipeline_knows_its_size_and_what_is_random_in_it() {
    let steps: fn(&str) -> Augment = |json| serde_json::from_str(json).unwrap();
    let fixed = steps(r#"[{ "resize-shorter": { "size": 9 } }, { "center-crop": { "size": [8, 7] } }]"#);
    assert_eq!((fixed.fixed_size(), fixed.random_step()), (Some([8, 7]), None));
    let open = steps(
        r#"[{ "centre-crop": { "size": 8 } }, { "resize-shorter": { "size": 4, "interpolation": "bicubic" } }]"#,
    );
    assert_eq!(open.fixed_size(), Some([4, 4]));
    let open = steps(r#"[{ "resize-shorter": { "size": 4 } }]"#);
    assert_eq!((open.fixed_size(), open.random_step()), (None, None));
    let random = steps(r#"[{ "resize": { "size": 8 } }, "flip"]"#);
    assert_eq!(
        (random.fixed_size(), random.random_step()),
        (Some([8, 8]), Some("flip"))
    );
    let window = steps(r#"[{ "random-resized-crop": { "size": 8, "interpolation": "bicubic" } }]"#);
    assert_eq!(window.random_step(), Some("random-resized-crop"));
    assert_eq!(
        serde_json::to_string(&window.for_evaluation()).unwrap(),
        r#"[{"resize":{"size":8,"interpolation":"bicubic"}}]"#
    );
}
