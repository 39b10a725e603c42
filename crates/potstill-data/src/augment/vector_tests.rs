//! The steps of detectors and segmenters against torchvision (`shared/methods/dense/transforms.json`), and by hand.

use std::path::Path;

use potstill_random::Seed;
use serde_json::Value;

use super::resample::resize;
use super::window::{Window, shorter_within};
use super::{Augment, FloatImage, Interpolation, Step};
use crate::{
    BoundingBox, Image, Instance, InstanceShape, LabelMap, LabelledBox, Loader, LoaderConfig, Mask, Polygon,
    Sample, Split, Target, TargetKind, open_for,
};

fn vectors() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/methods/dense/transforms.json");
    let read = std::fs::read(path).ok();
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    if read.is_none() {
        eprintln!("skipped: no transforms.json");
    }
    Some(serde_json::from_slice(&read?).unwrap())
}

fn steps(text: &str) -> Augment {
    #[derive(serde::Deserialize)]
    struct Recipe {
        augment: Augment,
    }
    let recipe: Recipe = toml::from_str(&format!("augment = [{text}]")).unwrap();
    recipe.augment
}

/// Any picture of one channel.
fn picture(height: usize, width: usize) -> Image {
    Image {
        height,
        width,
        channels: 1,
        pixels: (0..height * width).map(|at| (at * 37 % 256) as u8).collect(),
    }
}

fn rows(value: &Value) -> Vec<Vec<usize>> {
    serde_json::from_value(value["rows"].clone()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

#[test]
fn sizes_are_those_of_torchvision() {
    let Some(vectors) = vectors() else { return };
    let cases = rows(&vectors["sizes"]);
    for case in &cases {
        let &[shorter, longer, height, width, new_height, new_width, ..] = case.as_slice() else {
            panic!()
        };
        assert_eq!(
            shorter_within([height, width], shorter, longer),
            [new_height, new_width],
            "{case:?}"
        );
        let augment = steps(&format!(
            "{{ resize-range = {{ shorter = {shorter}, longer = {longer} }} }}"
        ));
        assert_eq!(
            augment.output_shape([height, width, 3]),
            [new_height, new_width, 3]
        );
        assert_eq!(augment.random_step(), None);
    }
    assert_eq!(cases.len(), 24);
}

#[test]
fn letterboxes_are_those_of_yolo() {
    let Some(vectors) = vectors() else { return };
    for case in rows(&vectors["letterbox"]) {
        let &[
            height,
            width,
            side,
            inner_height,
            inner_width,
            top,
            bottom,
            left,
            right,
        ] = case.as_slice()
        else {
            panic!()
        };
        assert_eq!(
            [inner_height + top + bottom, inner_width + left + right],
            [side; 2]
        );
        let bounds = BoundingBox::new(0.0, 0.0, width as f64, height as f64);
        let sample = Sample {
            image: Image {
                height,
                width,
                channels: 1,
                pixels: vec![255; height * width],
            },
            target: Target::Boxes(vec![LabelledBox::new(0, bounds)]),
        };
        let augment = steps(&format!("{{ letterbox = {{ size = {side} }} }}"));
        let (image, target) = augment.apply_to(sample, Seed::new(0), 0, 0).unwrap();
        let expected = BoundingBox::new(
            left as f64,
            top as f64,
            (left + inner_width) as f64,
            (top + inner_height) as f64,
        );
        let Target::Boxes(boxes) = target else { panic!() };
        for (found, wanted) in boxes[0]
            .bounds
            .corners()
            .iter()
            .flatten()
            .zip(expected.corners().iter().flatten())
        {
            assert_near(*found, *wanted, 1e-9);
        }
        let level = |y: usize, x: usize| image.pixels[y * side + x];
        assert_eq!(image.shape(), [side, side, 1]);
        assert_near(f64::from(level(top, left)), 1.0, 1e-6);
        if top + left > 0 {
            assert_near(f64::from(level(0, 0)), 114.0 / 255.0, 1e-6);
        }
        let filled = image.pixels.iter().filter(|&&level| level < 0.9).count();
        assert_eq!(filled, side * side - inner_height * inner_width, "{case:?}");
    }
}

#[test]
fn flips_are_those_of_continuous_coordinates() {
    let Some(vectors) = vectors() else { return };
    let flip = &vectors["flip"];
    let [before, after] = ["polygon", "polygon_flipped"].map(|key| floats(&flip[key]));
    let [bounds, flipped] = ["box", "flipped"].map(|key| floats(&flip[key]));
    let polygon = |flat: &[f64]| Polygon {
        points: flat.as_chunks::<2>().0.to_vec(),
    };
    let of = |edges: &[f64]| BoundingBox::new(edges[0], edges[1], edges[2], edges[3]);
    let shape = InstanceShape::Polygons(vec![polygon(&before)]);
    let target = Target::Instances(vec![Instance::new(0, of(&bounds), shape)]);
    let sample = |index| {
        let sample = Sample {
            image: picture(60, 100),
            target: target.clone(),
        };
        steps("\"flip\"")
            .apply_to(sample, Seed::new(0), 0, index)
            .unwrap()
            .1
    };
    let moved = (0..20).map(sample).find(|moved| *moved != target).unwrap();
    let Target::Instances(instances) = moved else {
        panic!()
    };
    assert_eq!(instances[0].bounds, of(&flipped));
    assert_eq!(instances[0].shape, InstanceShape::Polygons(vec![polygon(&after)]));
}

/// The values of the file are `sin(i / 2)` over two channels, one after the other.
#[test]
fn plain_bilinear_scaling_is_that_of_pytorch() {
    let Some(vectors) = vectors() else { return };
    for (name, height, width) in [("10x14", 10, 14), ("3x4", 3, 4), ("9x5", 9, 5)] {
        let expected = &vectors[format!("bilinear 5x7 to {name}")]["half_pixel"];
        let channel = |first: usize| {
            let image = FloatImage {
                height: 5,
                width: 7,
                channels: 1,
                pixels: (0..35)
                    .map(|at| ((first + at) as f64 / 2.0).sin() as f32)
                    .collect(),
            };
            resize(
                &image,
                Window::whole([5, 7]),
                [height, width],
                Interpolation::BilinearPlain,
            )
            .pixels
        };
        let values: Vec<f64> = [channel(0), channel(35)]
            .concat()
            .into_iter()
            .map(f64::from)
            .collect();
        assert_near(values.iter().sum(), expected["sum"].as_f64().unwrap(), 1e-5);
        let squares = values.iter().map(|value| value * value).sum();
        assert_near(squares, expected["sum_of_squares"].as_f64().unwrap(), 1e-5);
        let ends = values[..4].iter().chain(&values[values.len() - 2..]);
        let wanted = [floats(&expected["first"]), floats(&expected["last"])].concat();
        for (found, wanted) in ends.zip(wanted) {
            assert_near(*found, wanted, 1e-5);
        }
    }
}

/// `GeneralizedRCNNTransform` on two pictures: scaled, padded after normalisation, with boxes and masks.
#[test]
fn a_batch_of_a_detector_is_that_of_torchvision() {
    let Some(vectors) = vectors() else { return };
    let expected = &vectors["batch"];
    // Channels first in the file: value i of the array is channel i / 35, row i / 7 % 5, column i % 7.
    let level = |y: usize, x: usize, channel: usize| ((channel * 35 + y * 7 + x) * 13 % 256) as u8;
    let cut = |height: usize, width: usize| Image {
        height,
        width,
        channels: 3,
        pixels: (0..height * width * 3)
            .map(|at| level(at / 3 / width, at / 3 % width, at % 3))
            .collect(),
    };
    let masks = |height: usize, width: usize| {
        InstanceShape::Mask(Mask {
            height,
            width,
            inside: (0..height * width).map(|at| at % 3 == 0).collect(),
        })
    };
    let samples = [
        (5, 7, BoundingBox::new(1.0, 1.0, 5.0, 4.0)),
        (4, 4, BoundingBox::new(0.0, 0.0, 4.0, 4.0)),
    ]
    .map(|(height, width, bounds)| Sample {
        image: cut(height, width),
        target: Target::Instances(vec![Instance::new(0, bounds, masks(height, width))]),
    });
    let info = crate::DatasetInfo::new("two", TargetKind::Instances, ["a"]);
    let data = crate::InMemory::new(samples.to_vec(), info).unwrap();
    let config = LoaderConfig {
        batch: 2,
        pad: true,
        pad_multiple: 32,
        ..LoaderConfig::default()
    };
    let augment = steps("{ resize-range = { shorter = 8, longer = 20 } }");
    let loader = Loader::new(std::sync::Arc::new(data), augment, config).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!(
        (batch.shape, batch.valid.as_slice()),
        ([2, 32, 32, 3], [[8, 11], [8, 8]].as_slice())
    );
    let normalise = crate::Normalise {
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
    };
    let pixels = batch.normalised(&normalise).unwrap();
    let sum: f64 = pixels.iter().map(|&value| f64::from(value)).sum();
    let squares: f64 = pixels.iter().map(|&value| f64::from(value).powi(2)).sum();
    assert_near(sum, expected["images"]["sum"].as_f64().unwrap(), 1e-4);
    assert_near(
        squares,
        expected["images"]["sum_of_squares"].as_f64().unwrap(),
        1e-4,
    );
    for (at, wanted) in floats(&expected["row0_of_image0_channel0"])
        .into_iter()
        .enumerate()
    {
        assert_near(f64::from(pixels[at * 3]), wanted, 1e-4);
    }
    let Target::Instances(instances) = &batch.targets[0] else {
        panic!()
    };
    let InstanceShape::Mask(mask) = &instances[0].shape else {
        panic!()
    };
    let rows: Vec<String> = serde_json::from_value(expected["mask0"].clone()).unwrap();
    let found = mask
        .inside
        .chunks_exact(11)
        .map(|row| row.iter().map(|&inside| if inside { '1' } else { '0' }).collect());
    assert_eq!(found.collect::<Vec<String>>(), rows);
    // Boxes of their own are scaled by the rounded sides.
    let bounds = BoundingBox::new(1.0, 1.0, 5.0, 4.0);
    let sample = Sample {
        image: cut(5, 7),
        target: Target::Boxes(vec![LabelledBox::new(0, bounds)]),
    };
    let augment = steps("{ resize-range = { shorter = 8, longer = 20 } }");
    let Target::Boxes(boxes) = augment.apply_to(sample, Seed::new(0), 0, 0).unwrap().1 else {
        panic!()
    };
    let BoundingBox {
        left,
        top,
        right,
        bottom,
    } = boxes[0].bounds;
    for (found, wanted) in [left, top, right, bottom]
        .into_iter()
        .zip(floats(&expected["boxes"][0][0]))
    {
        assert_near(found, wanted, 1e-5);
    }
}

#[test]
fn a_crop_pads_what_is_missing_and_keeps_what_is_in_the_middle() {
    let map = LabelMap {
        height: 2,
        width: 3,
        labels: vec![1; 6],
    };
    let sample = Sample {
        image: picture(2, 3),
        target: Target::Map(map),
    };
    let (image, target) = steps("{ crop = { size = [3, 4] } }")
        .apply_to(sample, Seed::new(0), 0, 0)
        .unwrap();
    let Target::Map(map) = target else { panic!() };
    let ignore = LabelMap::IGNORE;
    assert_eq!(
        map.labels,
        [1, 1, 1, ignore, 1, 1, 1, ignore, ignore, ignore, ignore, ignore]
    );
    assert_eq!((image.pixels[3], image.pixels[11]), (0.0, 0.0));
    // A box of which the window shows a fifth, with its centre: 20 columns of 100.
    let wide = |left: f64| {
        let bounds = BoundingBox::new(left, 0.0, left + 100.0, 20.0);
        let sample = Sample {
            image: picture(20, 200),
            target: Target::Boxes(vec![LabelledBox::new(0, bounds)]),
        };
        let crop = steps("{ crop = { size = 20 } }");
        let kept = |index: &usize| {
            let (_, target) = crop.apply_to(sample.clone(), Seed::new(0), 0, *index).unwrap();
            !target.classes().is_empty()
        };
        (0..400).filter(kept).count()
    };
    // The window is at 0 to 180 and shows the centre at 50 where it starts from 31 to 49.
    let share = wide(0.0) as f64 / 400.0;
    assert!((0.05..0.16).contains(&share), "{share}");
}

#[test]
fn names_alone_are_steps_with_their_usual_settings() {
    let augment = steps(
        r#""photometric", "zoom-out", "ssd-crop", { narrow-crop = {} }, { scale-jitter = { range = [0.5, 2.0] } }"#,
    );
    assert_eq!(
        augment.steps()[1..4],
        [
            Step::ZoomOut { most: 4.0, fill: 0 },
            Step::SsdCrop {
                scale: 0.3,
                aspect: [0.5, 2.0]
            },
            Step::NarrowCrop { fill: 128 },
        ]
    );
    assert_eq!(augment.random_step(), Some("photometric"));
    assert!(augment.for_evaluation().steps().is_empty());
    let text = serde_json::to_string(&augment).unwrap();
    assert_eq!(serde_json::from_str::<Augment>(&text).unwrap(), augment);
    let refused = |text: &str| serde_json::from_str::<Augment>(text).unwrap_err().to_string();
    assert!(refused(r#"["crop"]"#).contains("the step `crop` needs settings, as in `{ crop = { ... } }`"));
    assert!(
        refused(r#"[{ "crop": { "size": 8, "cat_max_ratio": 2 } }]"#)
            .contains("cat_max_ratio = 2 must be between 0 and 1")
    );
    assert!(refused(r#"[{ "scale-jitter": { "range": [2, 1] } }]"#).contains("0 < least <= greatest"));
    let range =
        serde_json::from_str::<Augment>(r#"[{ "resize-range": { "shorter": [640, 800], "longer": 1333 } }]"#)
            .unwrap();
    assert_eq!(range.for_evaluation().output_shape([480, 640, 3]), [800, 1066, 3]);
    assert_eq!(
        (range.fixed_size(), range.random_step()),
        (None, Some("resize-range"))
    );
}

/// Every step on drawn scenes: masks, boxes and label maps stay together, whatever was drawn.
#[test]
fn everything_in_a_scene_moves_together() {
    let open = |kind| open_for("shapes-scenes:train=40", Split::Train, kind).unwrap();
    let (boxes, masks, maps) = (
        open(TargetKind::Boxes),
        open(TargetKind::Instances),
        open(TargetKind::Map),
    );
    for text in [
        "{ scale-jitter = { range = [0.5, 2.0] } }, { crop = { size = 64 } }, \"flip\"",
        "\"zoom-out\"",
        "\"narrow-crop\"",
        "{ letterbox = { size = [50, 120] } }",
        "{ resize-range = { shorter = [50, 70], longer = 99 } }",
    ] {
        let augment = steps(text).with_min_visible(0.0);
        for index in 0..40 {
            let apply = |data: &dyn crate::Dataset| {
                augment
                    .apply_to(data.sample(index).unwrap(), Seed::new(1), 0, index)
                    .unwrap()
            };
            let (image, target) = apply(&*masks);
            let Target::Instances(instances) = target else {
                panic!()
            };
            let Target::Map(map) = apply(&*maps).1 else {
                panic!()
            };
            let mut drawn = vec![0; map.labels.len()];
            for instance in &instances {
                let mask = instance.shape.mask([image.height, image.width]);
                assert_eq!(mask.bounds(), Some(instance.bounds), "{text}");
                let inside = drawn.iter_mut().zip(&mask.inside).filter(|(_, inside)| **inside);
                inside.for_each(|(label, _)| *label = instance.class as u8 + 1);
            }
            let same = map
                .labels
                .iter()
                .zip(&drawn)
                .all(|(label, drawn)| label == drawn || (*label == 255 && *drawn == 0));
            assert!(
                same && map.labels.len() == image.height * image.width,
                "{text}, image {index}"
            );
            let Target::Boxes(boxes) = apply(&*boxes).1 else {
                panic!()
            };
            assert!(boxes.len() >= instances.len(), "{text}");
        }
    }
}
