//! Images, boxes, outlines, masks and label maps move together: against torchvision, Pillow, Shapely and
//! numpy.

use serde::Deserialize;

use super::Motion;
use crate::augment::float_image::FloatImage;
use crate::augment::move_target::MovingTarget;
use crate::augment::resample::Interpolation;
use crate::augment::step::{PadMode, about_middle};
use crate::augment::window::Window;
use crate::{BoundingBox, Instance, InstanceShape, LabelMap, LabelledBox, Mask, Polygon, Target};

#[derive(Deserialize)]
struct Reference {
    input: Input,
    pixels: Vec<f32>,
    cases: Vec<Case>,
    reflected: Reflected,
}

#[derive(Deserialize)]
struct Input {
    size: [usize; 2],
    boxes: Vec<[f64; 4]>,
    outlines: Vec<Vec<[f64; 2]>>,
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    motion: Recorded,
    size: [usize; 2],
    boxes: Vec<[f64; 4]>,
    shares: Vec<f64>,
    outlines: Vec<Outline>,
    labels: Vec<String>,
    share_of_4: f64,
    #[serde(default)]
    pixels: Vec<f32>,
}

#[derive(Deserialize)]
struct Reflected {
    motion: Recorded,
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct Outline {
    area: f64,
    share: f64,
    bounds: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Recorded {
    Flip {},
    Shift {
        down: isize,
        right: isize,
        mode: PadMode,
    },
    Cut {
        window: [usize; 4],
    },
    Scale {
        window: [usize; 4],
    },
    Affine {
        degrees: f64,
        translate: [f64; 2],
        scale: f64,
        shear: f64,
    },
}

fn reference() -> Reference {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/joint_augmentation.json"
    );
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

impl Recorded {
    fn motion(&self, from: [usize; 2], to: [usize; 2]) -> Motion {
        let window = |[top, left, height, width]: [usize; 4]| Window {
            top,
            left,
            height,
            width,
        };
        match *self {
            Self::Flip {} => Motion::Flip,
            Self::Shift { down, right, mode } => Motion::Shift { down, right, mode },
            Self::Cut { window: cut } => Motion::Cut(window(cut)),
            Self::Scale { window: scaled } => Motion::Scale {
                window: window(scaled),
                size: to,
                filter: Interpolation::Bilinear,
            },
            Self::Affine {
                degrees,
                translate,
                scale,
                shear,
            } => Motion::Affine(about_middle(from, degrees, shear, scale, translate)),
        }
    }
}

fn label_map(rows: &[String]) -> LabelMap {
    let label = |letter: char| letter.to_digit(10).map_or(LabelMap::IGNORE, |digit| digit as u8);
    LabelMap {
        height: rows.len(),
        width: rows[0].len(),
        labels: rows.iter().flat_map(|row| row.chars()).map(label).collect(),
    }
}

/// The target after one motion, and what it keeps of each object.
fn moved(target: Target, motion: &Motion, size: [usize; 2]) -> (Target, Vec<f64>) {
    let mut moving = MovingTarget::new(target);
    moving.step(&(*motion).into(), size);
    let visible = moving.visible().to_vec();
    (moving.finish(0.0), visible)
}

fn assert_close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-7,
        "{found} where {expected} is expected"
    );
}

#[test]
fn boxes_are_those_of_torchvision() {
    let Reference { input, cases, .. } = reference();
    let [x1, y1, x2, y2] = input.boxes[0];
    assert_eq!(
        BoundingBox::new(x1, y1, x2, y2).height(),
        8.5,
        "the record is x1, y1, x2, y2"
    );
    for case in cases {
        // One box at a time, because one that has left the image is dropped.
        for ((old, new), share) in input.boxes.iter().zip(&case.boxes).zip(&case.shares) {
            let [x1, y1, x2, y2] = *old;
            let bounds = BoundingBox::new(x1, y1, x2, y2);
            let target = Target::Boxes(vec![LabelledBox::new(3, bounds)]);
            let (target, visible) = moved(target, &case.motion.motion(input.size, case.size), input.size);
            assert_close(visible[0], *share);
            let Target::Boxes(boxes) = target else {
                panic!("another kind")
            };
            assert_eq!(boxes.len(), usize::from(*share > 0.0));
            for labelled in boxes {
                let BoundingBox {
                    left,
                    top,
                    right,
                    bottom,
                } = labelled.bounds;
                let edges = [left, top, right, bottom];
                edges
                    .iter()
                    .zip(new)
                    .for_each(|(found, expected)| assert_close(*found, *expected));
            }
        }
    }
}

#[test]
fn label_maps_and_masks_take_the_nearest_pixel() {
    let Reference {
        input,
        cases,
        reflected,
        ..
    } = reference();
    let old = label_map(&input.labels);
    for case in &cases {
        let motion = case.motion.motion(input.size, case.size);
        let expected = label_map(&case.labels);
        assert_eq!(
            moved(Target::Map(old.clone()), &motion, input.size).0,
            Target::Map(expected.clone())
        );

        let fours = |map: &LabelMap| Mask {
            height: map.height,
            width: map.width,
            inside: map.labels.iter().map(|&label| label == 4).collect(),
        };
        let mask = fours(&old);
        let instance = Instance::new(0, mask.bounds().unwrap(), InstanceShape::Mask(mask));
        let (target, visible) = moved(Target::Instances(vec![instance]), &motion, input.size);
        assert_close(visible[0], case.share_of_4);
        let Target::Instances(instances) = target else {
            panic!("another kind")
        };
        assert_eq!(instances[0].shape, InstanceShape::Mask(fours(&expected)));
        assert_eq!(Some(instances[0].bounds), fours(&expected).bounds());
    }
    let motion = reflected.motion.motion(input.size, input.size);
    let expected = Target::Map(label_map(&reflected.labels));
    assert_eq!(moved(Target::Map(old), &motion, input.size).0, expected);
}

#[test]
fn outlines_are_cut_as_by_shapely() {
    let Reference { input, cases, .. } = reference();
    for case in &cases {
        for (points, expected) in input.outlines.iter().zip(&case.outlines) {
            let polygon = Polygon {
                points: points.clone(),
            };
            let shape = InstanceShape::Polygons(vec![polygon]);
            let instance = Instance::new(0, shape.bounds().unwrap(), shape);
            let motion = case.motion.motion(input.size, case.size);
            let (target, visible) = moved(Target::Instances(vec![instance]), &motion, input.size);
            assert_close(visible[0], expected.share);
            let Target::Instances(instances) = target else {
                panic!("another kind")
            };
            assert_eq!(instances.len(), usize::from(expected.area > 0.0));
            for instance in instances {
                assert_close(instance.shape.area(), expected.area);
                let BoundingBox {
                    left,
                    top,
                    right,
                    bottom,
                } = instance.bounds;
                let edges = [left, top, right, bottom];
                edges
                    .iter()
                    .zip(&expected.bounds)
                    .for_each(|(found, expected)| assert_close(*found, *expected));
            }
        }
    }
}

#[test]
fn a_turned_picture_is_the_recorded_one() {
    let Reference {
        input, cases, pixels, ..
    } = reference();
    let [height, width] = input.size;
    let image = FloatImage {
        height,
        width,
        channels: 1,
        pixels,
    };
    let recorded: Vec<&Case> = cases.iter().filter(|case| !case.pixels.is_empty()).collect();
    assert_eq!(recorded.len(), 3);
    for case in recorded {
        let moved = case.motion.motion(input.size, case.size).image(image.clone());
        let worst = moved
            .pixels
            .iter()
            .zip(&case.pixels)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst}");
    }
}

/// A picture whose pixel values are its labels, moved as a picture, is the moved label map, where no pixels
/// are mixed.
#[test]
fn pictures_and_label_maps_move_alike() {
    let Reference { input, cases, .. } = reference();
    let old = label_map(&input.labels);
    let float = |map: &LabelMap| FloatImage {
        height: map.height,
        width: map.width,
        channels: 1,
        // Black outside is a label that does not occur.
        pixels: map.labels.iter().map(|&label| f32::from(label) + 1.0).collect(),
    };
    for case in cases {
        let motion = case.motion.motion(input.size, case.size);
        if matches!(motion, Motion::Scale { .. } | Motion::Affine(_)) {
            continue;
        }
        let picture = motion.image(float(&old));
        let (Target::Map(map), _) = moved(Target::Map(old.clone()), &motion, input.size) else {
            panic!("another kind")
        };
        let expected = float(&map).pixels.into_iter();
        let outside: Vec<usize> = (0..map.labels.len())
            .filter(|&at| picture.pixels[at] == 0.0)
            .collect();
        assert!(outside.iter().all(|&at| map.labels[at] == LabelMap::IGNORE));
        assert!(
            picture
                .pixels
                .iter()
                .zip(expected)
                .all(|(&a, b)| a == b || a == 0.0)
        );
    }
}
