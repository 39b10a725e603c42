//! Determinism, balance, and masks that fit their boxes and pictures.

use super::{Figure, ShapeSample, Shapes, ShapesOptions};
use crate::{BoundingBox, Dataset, Split};

fn samples(options: ShapesOptions, split: Split, count: usize) -> Vec<ShapeSample> {
    let shapes = Shapes::new(options, split).unwrap();
    (0..count).map(|index| shapes.draw(index).unwrap()).collect()
}

#[test]
fn pictures_depend_on_seed_split_and_index_alone() {
    let options = ShapesOptions::default();
    let train = samples(options, Split::Train, 30);
    assert_eq!(
        train,
        samples(
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
        samples(options, Split::Test, 30),
        samples(ShapesOptions { seed: 1, ..options }, Split::Train, 30),
    ] {
        assert!(
            train
                .iter()
                .zip(&other)
                .all(|(a, b)| a.image != b.image && a.class == b.class)
        );
    }
}

#[test]
fn a_picture_stays_the_same_for_ever() {
    // Recorded once: a change here would silently change every result that was measured on this data set.
    let shapes = Shapes::new(ShapesOptions::default(), Split::Train).unwrap();
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
        for sample in samples(options, Split::Train, 120) {
            assert_eq!(sample.image.shape(), [size, size, 3]);
            let (mask, found) = (&sample.mask, Edges::of(sample.bounding_box));
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
            // The smallest shape: radius 0.28 of the side, area above 1.1 radius², 70 % of it visible, some cut at the edge.
            let least = 0.5 * 0.28 * 0.28 * 1.1 * (size * size) as f32;
            assert!(mask.area() as f32 > least, "{} of {}", mask.area(), size * size);
        }
    }
}

#[test]
fn colour_does_not_tell_the_class() {
    // Means over 200 pictures of a class: the classes must not differ by more than chance and their little differences in
    // area make (the standard error of a mean is about 0.011).
    let classes = Figure::ALL.len();
    let mut means = vec![[0.0; 3]; classes];
    for sample in samples(
        ShapesOptions {
            size: 16,
            ..ShapesOptions::default()
        },
        Split::Train,
        200 * classes,
    ) {
        for (at, &value) in sample.image.pixels.iter().enumerate() {
            means[sample.class as usize][at % 3] += f64::from(value) / (255.0 * 256.0 * 200.0);
        }
    }
    for mean in means {
        assert!(mean.iter().all(|value| (value - 0.5).abs() < 0.05), "{mean:?}");
    }
}

#[test]
fn useless_settings_are_refused() {
    let message = |options| Shapes::new(options, Split::Train).unwrap_err().to_string();
    let default = ShapesOptions::default();
    assert!(message(ShapesOptions { size: 7, ..default }).contains("option `size=7`"));
    assert!(
        message(ShapesOptions {
            classes: 13,
            ..default
        })
        .contains("between 2 and 12")
    );
}
