//! Determinism, balance, and masks that fit their boxes and pictures.

use std::collections::BTreeSet;

use super::{Drawing, Figure, Shapes, ShapesOptions};
use crate::{BoundingBox, DataError, Dataset, InstanceShape, Split, Target, TargetKind, open_for};

fn drawings(options: ShapesOptions, split: Split, count: usize) -> Vec<Drawing> {
    let shapes = Shapes::new(options, split, TargetKind::Boxes).unwrap();
    (0..count).map(|index| shapes.draw(index).unwrap()).collect()
}

#[test]
fn pictures_depend_on_seed_split_and_index_alone() {
    let options = ShapesOptions::default();
    let train = drawings(options, Split::Train, 30);
    assert_eq!(
        train,
        drawings(
            ShapesOptions {
                train: 40,
                test: 1,
                ..options
            },
            Split::Train,
            30
        )
    );
    for other in [
        drawings(options, Split::Test, 30),
        drawings(ShapesOptions { seed: 1, ..options }, Split::Train, 30),
    ] {
        assert!(
            train
                .iter()
                .zip(&other)
                .all(|(a, b)| a.image != b.image && a.figures[0].class == b.figures[0].class)
        );
    }
}

#[test]
fn a_picture_stays_the_same_for_ever() {
    // Recorded once: a change here would silently change every result that was measured on this data set.
    let shapes = Shapes::new(ShapesOptions::default(), Split::Train, TargetKind::Class).unwrap();
    let sum = |index| {
        shapes
            .draw(index)
            .unwrap()
            .image
            .pixels
            .iter()
            .map(|&value| u64::from(value))
            .sum::<u64>()
    };
    assert_eq!([sum(0), sum(1), sum(11_999)], [564_702, 431_672, 329_768]);
}

#[test]
fn classes_are_balanced() {
    let shapes = Shapes::new(
        ShapesOptions {
            classes: 5,
            train: 23,
            ..ShapesOptions::default()
        },
        Split::Train,
        TargetKind::Class,
    )
    .unwrap();
    let mut counts = [0; 5];
    (0..shapes.len()).for_each(|index| counts[shapes.label(index).unwrap() as usize] += 1);
    assert_eq!(counts, [5, 5, 5, 4, 4]);
    assert_eq!(shapes.classes(), ["disc", "square", "triangle", "star", "ring"]);
}

/// A box of whole pixels.
struct Edges {
    top: usize,
    left: usize,
    bottom: usize,
    right: usize,
}

impl Edges {
    fn of(bounds: BoundingBox) -> Self {
        let [top, left, bottom, right] =
            [bounds.top, bounds.left, bounds.bottom, bounds.right].map(|edge| edge as usize);
        Self {
            top,
            left,
            bottom,
            right,
        }
    }
}

#[test]
fn boxes_are_tight_and_shapes_are_seen() {
    for size in [16, 32, 57] {
        let options = ShapesOptions {
            size,
            ..ShapesOptions::default()
        };
        for sample in drawings(options, Split::Train, 120) {
            assert_eq!(sample.image.shape(), [size, size, 3]);
            let figure = &sample.figures[0];
            let (mask, found) = (&figure.mask, Edges::of(figure.bounds()));
            let at = |row: usize, column: usize| mask.inside[row * mask.width + column];
            let inside_box = (found.top..found.bottom)
                .flat_map(|row| (found.left..found.right).map(move |column| (row, column)))
                .filter(|&(row, column)| at(row, column))
                .count();
            assert_eq!(inside_box, mask.area(), "nothing lies outside the box");
            assert!((found.left..found.right).any(|column| at(found.top, column)));
            assert!((found.left..found.right).any(|column| at(found.bottom - 1, column)));
            assert!((found.top..found.bottom).any(|row| at(row, found.left)));
            assert!((found.top..found.bottom).any(|row| at(row, found.right - 1)));
            // The smallest shape: radius 0.28 of the side, area above 1.1 radius², 70 % of it visible, some
            // cut at the edge.
            let least = 0.5 * 0.28 * 0.28 * 1.1 * (size * size) as f32;
            assert!(mask.area() as f32 > least, "{} of {}", mask.area(), size * size);
        }
    }
}

#[test]
fn colour_does_not_tell_the_class() {
    // Means over 200 pictures of a class: the classes must not differ by more than chance and their little
    // differences in area make (the standard error of a mean is about 0.011).
    let classes = Figure::ALL.len();
    let mut means = vec![[0.0; 3]; classes];
    for sample in drawings(
        ShapesOptions {
            size: 16,
            ..ShapesOptions::default()
        },
        Split::Train,
        200 * classes,
    ) {
        for (at, &value) in sample.image.pixels.iter().enumerate() {
            means[sample.figures[0].class as usize][at % 3] += f64::from(value) / (255.0 * 256.0 * 200.0);
        }
    }
    for mean in means {
        assert!(mean.iter().all(|value| (value - 0.5).abs() < 0.05), "{mean:?}");
    }
}

#[test]
fn useless_settings_are_refused() {
    let message = |options, target| {
        let refused: Result<Shapes, DataError> = Shapes::new(options, Split::Train, target);
        refused.unwrap_err().to_string()
    };
    let (class, boxes) = (TargetKind::Class, TargetKind::Boxes);
    let default = ShapesOptions::default();
    assert!(message(ShapesOptions { size: 7, ..default }, class).contains("option `size=7`"));
    let classes = ShapesOptions {
        classes: 13,
        ..default
    };
    assert!(message(classes, class).contains("between 2 and 12"));
    let scenes = |figures| ShapesOptions {
        figures: Some(figures),
        ..default
    };
    assert!(
        message(scenes([1, 4]), class).contains("`figures=1-4` of data set `shapes`: pictures of several")
    );
    assert!(message(scenes([3, 2]), boxes).contains("starts above its end"));
    assert!(message(scenes([1, 17]), boxes).contains("between 0 and 16"));
    let small = ShapesOptions {
        size: 16,
        ..scenes([1, 2])
    };
    assert!(message(small, boxes).contains("at least 32 pixels"));
    let text = open_for("shapes:figures=many", Split::Train, boxes)
        .err()
        .unwrap()
        .to_string();
    assert!(
        text.contains("`figures=many`") && text.contains("`1-4`"),
        "{text}"
    );
}

fn scenes(figures: [usize; 2], size: usize) -> ShapesOptions {
    ShapesOptions {
        figures: Some(figures),
        size,
        classes: 6,
        ..ShapesOptions::default()
    }
}

#[test]
fn a_scene_stays_the_same_for_ever() {
    // Recorded once, as for single figures.
    let drawings = drawings(scenes([1, 4], 96), Split::Train, 3);
    let sum = |drawing: &Drawing| {
        drawing
            .image
            .pixels
            .iter()
            .map(|&value| u64::from(value))
            .sum::<u64>()
    };
    let found: Vec<_> = drawings
        .iter()
        .map(|drawing| (sum(drawing), drawing.figures.len()))
        .collect();
    assert_eq!(found, [(2_993_941, 4), (2_970_085, 1), (2_386_554, 1)]);
}

#[test]
fn figures_of_a_scene_are_as_many_as_asked_apart_and_visible() {
    for (size, figures, count) in [(32, [0, 3], 60), (96, [1, 4], 60), (64, [16, 16], 15)] {
        let drawings = drawings(scenes(figures, size), Split::Train, count);
        let counts: BTreeSet<usize> = drawings.iter().map(|drawing| drawing.figures.len()).collect();
        if figures[1] <= 4 {
            assert_eq!(
                counts,
                (figures[0]..=figures[1]).collect(),
                "{size}: every number occurs, and no other"
            );
        }
        let mut classes = BTreeSet::new();
        for Drawing { figures, .. } in &drawings {
            let mut owners = vec![0; size * size];
            for figure in figures {
                assert!(figure.mask.area() >= 30, "{}", figure.mask.area());
                let inside = owners.iter_mut().zip(&figure.mask.inside);
                inside.for_each(|(owners, &inside)| *owners += u32::from(inside));
                classes.insert(figure.class);
            }
            assert!(owners.iter().all(|&owners| owners <= 1));
        }
        assert_eq!(classes, (0..6).collect(), "every class occurs");
    }
}

/// The same scenes as each kind of target, which must agree.
#[test]
fn the_targets_of_a_scene_are_of_one_scene() {
    let options = scenes([0, 4], 64);
    let set = |target| Shapes::new(options, Split::Test, target).unwrap();
    let sets = [
        TargetKind::Classes,
        TargetKind::Boxes,
        TargetKind::Instances,
        TargetKind::Map,
    ]
    .map(set);
    for index in 0..40 {
        let samples = [0, 1, 2, 3].map(|at| sets[at].sample(index).unwrap());
        assert!(samples.iter().all(|sample| sample.image == samples[0].image));
        for (set, sample) in sets.iter().zip(&samples) {
            set.info().check(sample, index).unwrap();
            assert_eq!(set.target(index).unwrap(), sample.target);
        }
        let [classes, boxes, instances, map] = samples.map(|sample| sample.target);
        assert_eq!(Target::Classes(boxes.classes()), classes);
        let (Target::Boxes(boxes), Target::Instances(instances), Target::Map(map)) = (boxes, instances, map)
        else {
            panic!("other kinds of targets");
        };
        let mut labels = vec![0; map.labels.len()];
        for (labelled, instance) in boxes.iter().zip(&instances) {
            assert_eq!(
                (labelled.class, labelled.bounds),
                (instance.class, instance.bounds)
            );
            let InstanceShape::Mask(mask) = &instance.shape else {
                panic!("no mask")
            };
            assert_eq!(mask.bounds(), Some(instance.bounds));
            for (label, _) in labels.iter_mut().zip(&mask.inside).filter(|(_, inside)| **inside) {
                *label = instance.class as u8 + 1;
            }
        }
        assert_eq!((boxes.len(), map.labels), (instances.len(), labels));
    }
}

#[test]
fn a_picture_of_one_figure_gives_every_target() {
    let shapes = |target| open_for("shapes:size=24,test=30", Split::Test, target).unwrap();
    let [class, classes, boxes] = [TargetKind::Class, TargetKind::Classes, TargetKind::Boxes].map(shapes);
    for index in 0..30 {
        let label = class.label(index).unwrap();
        assert_eq!(classes.target(index).unwrap(), Target::Classes(vec![label]));
        assert_eq!(boxes.target(index).unwrap().classes(), [label]);
        assert_eq!(boxes.image(index).unwrap(), class.image(index).unwrap());
    }
    let map = shapes(TargetKind::Map);
    assert_eq!((map.classes().len(), &map.classes()[0][..]), (13, "background"));
}

#[test]
fn scenes_are_refused_in_their_own_words() {
    let refused = |source: &str| {
        let opened = open_for(source, Split::Train, TargetKind::Boxes);
        opened.err().unwrap().to_string()
    };
    for source in ["objects=3-1", "objects=0-99", "objects=x", "size=9", "classes=40"] {
        let said = refused(&format!("shapes-scenes:{source}"));
        assert!(
            said.contains("`shapes-scenes`") && !said.contains("figure"),
            "{source}: {said}"
        );
    }
    let said = refused("shapes:figures=3-1");
    assert!(
        said.contains("`shapes`") && said.contains("`figures=3-1`"),
        "{said}"
    );
}
