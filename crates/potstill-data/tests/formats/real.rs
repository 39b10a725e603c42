//! Real data of the workspace, where it is there.

use std::path::Path;

use potstill_data::{
    Dataset, Instance, InstanceShape, OpenOptions, Severity, Split, Target, TargetKind, open_with,
};
use potstill_metrics::RunMask;
use potstill_metrics::coco::{Detection, Region, TrueObject, average_precision};
use serde_json::Value;

/// A file of the data beside the workspace; a word where it is not.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    if !path.exists() {
        eprintln!("skipped: no {name}");
        return None;
    }
    Some(path.display().to_string())
}

fn open(source: &str, split: Split, target: TargetKind) -> Box<dyn Dataset> {
    open_with(source, split, target, &OpenOptions::default()).unwrap()
}

fn objects(set: &dyn Dataset) -> usize {
    let of = |index| match set.target(index).unwrap() {
        Target::Boxes(boxes) => boxes.len(),
        Target::Instances(instances) => instances.len(),
        other => panic!("{other:?}"),
    };
    (0..set.len()).map(of).sum()
}

/// The counts are those of its README.
#[test]
fn coco_mini_has_the_counts_of_its_description() {
    let Some(source) = shared("coco-mini/coco-mini.tar") else {
        return;
    };
    let [train, val] = [Split::Train, Split::Validation].map(|split| open(&source, split, TargetKind::Boxes));
    assert_eq!(
        (train.len(), objects(&*train), train.classes().len()),
        (128, 929, 80)
    );
    assert_eq!(
        (val.len(), objects(&*val), val.classes()[79].as_str()),
        (64, 461, "toothbrush")
    );
    assert_eq!(open(&source, Split::Test, TargetKind::Boxes).len(), 64);
    let [train, val] =
        [Split::Train, Split::Validation].map(|split| open(&source, split, TargetKind::Instances));
    assert_eq!(
        (
            train.len(),
            objects(&*train),
            *train.info().class_ids.last().unwrap()
        ),
        (100, 746, 90)
    );
    assert_eq!((val.len(), objects(&*val)), (50, 363));
    let maps = open(&source, Split::Validation, TargetKind::Map);
    assert_eq!((maps.len(), maps.classes().len()), (50, 129));
    for index in 0..maps.len() {
        maps.target(index).unwrap();
    }
    assert_eq!(val.info().findings.of(Severity::Error), 0);
}

#[test]
fn camvid_is_known_by_its_name() {
    let Some(source) = shared("camvid-small/camvid-small.tar") else {
        return;
    };
    let len = |split| open(&source, split, TargetKind::Map).len();
    assert_eq!(
        [Split::Train, Split::Validation, Split::Test].map(len),
        [184, 51, 78]
    );
    let test = open(&source, Split::Test, TargetKind::Map);
    assert_eq!(
        (test.classes().len(), test.classes()[10].as_str()),
        (11, "bicyclist")
    );
    let Target::Map(map) = test.target(0).unwrap() else {
        panic!()
    };
    assert!([map.height, map.width] == [360, 480] && map.classes().last() <= Some(&10));
    // The archive in its folder is found as well.
    let folder = source.trim_end_matches("/camvid-small.tar").to_owned();
    assert_eq!(open(&folder, Split::Test, TargetKind::Map).len(), 78);
}

/// The objects of the validation images by their places in the set, in the order of the files.
fn all_objects(set: &dyn Dataset) -> Vec<(usize, Instance)> {
    let of = |index| match set.target(index).unwrap() {
        Target::Boxes(boxes) => boxes
            .into_iter()
            .map(|own| Instance::new(own.class, own.bounds, InstanceShape::Polygons(vec![])))
            .collect(),
        Target::Instances(instances) => instances,
        other => panic!("{other:?}"),
    };
    (0..set.len())
        .flat_map(|index| of(index).into_iter().map(move |own| (index, own)))
        .collect()
}

/// The twelve numbers that pycocotools has for them.
fn assert_stats(found: &[Detection], truth: &[TrueObject], expected: &Value, classes: usize) {
    assert_eq!(Some(found.len() as u64), expected["detections"].as_u64());
    let scores = average_precision(truth, found, classes);
    let stats: Vec<f64> = serde_json::from_value(expected["stats"].clone()).unwrap();
    for ((name, value), wanted) in scores.named().into_iter().zip(stats) {
        let value = value.unwrap();
        // Six digits are recorded.
        assert!((value - wanted).abs() <= 1e-6, "{name}: {value} is not {wanted}");
    }
}

fn recorded() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/methods/dense/fastestdet.json");
    Some(serde_json::from_slice(&std::fs::read(path).ok()?).unwrap())
}

/// What is read of real boxes and outlines, against pycocotools' reading of the same files: detections are made of them by a rule.
#[test]
fn jittered_boxes_have_the_precision_that_pycocotools_finds() {
    let (Some(source), Some(recorded)) = (shared("coco-mini/coco-mini.tar"), recorded()) else {
        return;
    };
    let set = open(&source, Split::Validation, TargetKind::Boxes);
    let (mut truth, mut found) = (Vec::new(), Vec::new());
    for (at, (image, own)) in all_objects(&*set).into_iter().enumerate() {
        let (class, bounds, q) = (own.class as usize, own.bounds, at as f64 + 1.0);
        let sides = [bounds.left, bounds.top, bounds.width(), bounds.height()];
        let area = bounds.area();
        truth.push(TrueObject {
            image,
            class,
            region: Region::Box(sides),
            area,
            crowd: false,
        });
        if (at + 1) % 7 == 0 {
            continue;
        }
        let [x, y, width, height] = sides;
        let moved = [
            x + 0.12 * width * (3.0 * q).sin(),
            y + 0.12 * height * (2.0 * q).cos(),
            width * (1.0 + 0.1 * (5.0 * q).sin()),
            height,
        ];
        let class = if (at + 1) % 5 == 0 {
            (class + 1) % 80
        } else {
            class
        };
        let (area, score) = (moved[2] * moved[3], 0.5 + 0.5 * q.sin());
        found.push(Detection {
            image,
            class,
            region: Region::Box(moved),
            area,
            score,
        });
    }
    assert_stats(&found, &truth, &recorded["jittered_boxes"], 80);
}

#[test]
fn jittered_outlines_have_the_precision_that_pycocotools_finds() {
    let (Some(source), Some(recorded)) = (shared("coco-mini/coco-mini.tar"), recorded()) else {
        return;
    };
    let set = open(&source, Split::Validation, TargetKind::Instances);
    let (mut truth, mut found) = (Vec::new(), Vec::new());
    let mut areas = 0;
    for (at, (image, own)) in all_objects(&*set).into_iter().enumerate() {
        let [height, width, _] = set.shape(image).unwrap();
        let mask = |points: &[[f64; 2]]| RunMask::from_outlines([height, width], [points]);
        let InstanceShape::Polygons(polygons) = &own.shape else {
            panic!()
        };
        let points = &polygons[0].points;
        let (class, whole) = (own.class as usize, mask(points));
        let area = whole.area() as f64;
        areas += whole.area();
        let [_, _, wide, high] = whole.bounds();
        truth.push(TrueObject {
            image,
            class,
            region: Region::Mask(whole),
            area,
            crowd: false,
        });
        if (at + 1) % 7 == 0 {
            continue;
        }
        let q = at as f64 + 1.0;
        let middle =
            [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64);
        let way = [0.05 * wide * (3.0 * q).sin(), 0.05 * high * (2.0 * q).cos()];
        let factor = 1.0 - 0.08 * q.sin().powi(2);
        let moved: Vec<[f64; 2]> = points
            .iter()
            .map(|point| [0, 1].map(|axis| middle[axis] + factor * (point[axis] - middle[axis]) + way[axis]))
            .collect();
        let moved = mask(&moved);
        let (area, score) = (moved.area() as f64, 0.5 + 0.5 * q.sin());
        found.push(Detection {
            image,
            class,
            region: Region::Mask(moved),
            area,
            score,
        });
    }
    assert_eq!(
        Some(areas),
        recorded["jittered_instances"]["sum_of_areas"].as_u64()
    );
    assert_stats(
        &found,
        &truth,
        &recorded["jittered_instances"],
        set.classes().len(),
    );
}
