//! The strong view of `FixMatch`: operations on 8-bit pictures at random strengths, and a grey square.

use potstill_random::Stream;

use super::float_image::FloatImage;
use super::motion::{Motion, Move};
use crate::Image;
use crate::pil_ops::PilOp;

/// A change of a picture that leaves its class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PictureChange {
    /// An operation on the picture of 8 bits.
    Operation(PilOp),
    /// A grey square, cut off by the picture: rows and columns from, to and without.
    Square { rows: [usize; 2], columns: [usize; 2] },
}

/// The grey of the square.
const GREY: f32 = 127.0 / 255.0;
/// Strengths are drawn below this.
const STRENGTHS: usize = 10;

impl PictureChange {
    /// The changed picture.
    pub fn applied(&self, mut image: FloatImage) -> FloatImage {
        match *self {
            Self::Operation(operation) => FloatImage::from(&operation.apply(&in_bytes(&image))),
            Self::Square { rows, columns } => {
                let line = image.width * image.channels;
                for row in rows[0]..rows[1] {
                    let first = row * line;
                    image.pixels[first + columns[0] * image.channels..first + columns[1] * image.channels]
                        .fill(GREY);
                }
                image
            }
        }
    }
}

/// So many of the fourteen operations of `RandAugmentMC` in the PyTorch program, each half of the time, for an image of this size, and then a square
/// whose sides are this share of the image's.
pub(super) fn draw(size: [usize; 2], operations: usize, cutout: f64, stream: &mut Stream) -> Vec<Move> {
    let mut changes = Vec::new();
    for _ in 0..operations {
        // All draws are made, so that no change shifts those of another.
        let (which, strength) = (stream.below(OPERATIONS), 1 + stream.below(STRENGTHS - 1));
        let (is_done, is_turned) = (stream.chance(0.5), stream.chance(0.5));
        let share = strength as f64 / STRENGTHS as f64;
        let sign = if is_turned { -1.0 } else { 1.0 };
        if let (true, Some(operation)) = (is_done, operation(which, share, sign, size)) {
            changes.push(PictureChange::Operation(operation));
        }
    }
    if cutout > 0.0 {
        changes.push(square(size, cutout, stream));
    }
    changes
        .into_iter()
        .map(|change| Motion::Picture(change).into())
        .collect()
}

/// How many operations there are, the one that does nothing among them.
const OPERATIONS: usize = 14;

/// The operation of this number, at this share of its greatest strength; none of the one that does nothing.
fn operation(number: usize, share: f64, sign: f64, [height, width]: [usize; 2]) -> Option<PilOp> {
    let factor = (0.9 * share + 0.05) as f32;
    let moved = |side: usize| (sign * 0.3 * share * side as f64) as i32;
    Some(match number {
        0 => PilOp::Autocontrast,
        1 => PilOp::Brightness(factor),
        2 => PilOp::Colour(factor),
        3 => PilOp::Contrast(factor),
        4 => PilOp::Equalize,
        5 => PilOp::Posterize((4.0 * share) as u32 + 4),
        6 => PilOp::Rotate(sign * (30.0 * share).floor()),
        7 => PilOp::Sharpness(factor),
        8 => PilOp::ShearX(sign * 0.3 * share),
        9 => PilOp::ShearY(sign * 0.3 * share),
        10 => PilOp::Solarize(256.0 - (256.0 * share).floor()),
        11 => PilOp::TranslateX(moved(width)),
        12 => PilOp::TranslateY(moved(height)),
        _ => return None,
    })
}

/// A square at a random place, cut off by the picture.
fn square(size: [usize; 2], share: f64, stream: &mut Stream) -> PictureChange {
    let [rows, columns] = size.map(|side| {
        let length = side as f64 * share;
        let from = (stream.uniform(0.0, side as f64) - length / 2.0).max(0.0);
        let (from, length) = (from as usize, length as usize);
        [from, (from + length).min(side)]
    });
    PictureChange::Square { rows, columns }
}

/// The picture of 8 bits that is nearest.
fn in_bytes(image: &FloatImage) -> Image {
    let byte = |value: &f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
    Image {
        height: image.height,
        width: image.width,
        channels: image.channels,
        pixels: image.pixels.iter().map(byte).collect(),
    }
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{OPERATIONS, operation};
    use crate::augment::{Augment, Step};
    use crate::pil_ops::PilOp;
    use crate::{Image, TargetKind};

    fn picture() -> Image {
        Image {
            height: 12,
            width: 10,
            channels: 3,
            pixels: (0..360).map(|i| (i * 7 % 251) as u8).collect(),
        }
    }

    #[test]
    fn a_square_and_operations_are_drawn_for_each_image_and_view() {
        let augment = Augment::new(vec![Step::FixMatch {
            operations: 2,
            cutout: 0.5,
        }])
        .unwrap();
        let made = |view, index| augment.apply(&picture(), Seed::new(3), view, index).unwrap();
        assert_eq!(made(1, 4), made(1, 4));
        let mut kinds = std::collections::BTreeSet::new();
        for index in 0..40 {
            let image = made(0, index);
            assert_eq!(image.shape(), [12, 10, 3]);
            assert!(image.pixels.iter().all(|value| (0.0..=1.0).contains(value)));
            let grey = image
                .pixels
                .iter()
                .filter(|&&value| (value * 255.0).round() == 127.0)
                .count();
            // At most half of each side, and at least a corner of it.
            assert!(grey >= 3, "image {index}: {grey}");
            kinds.insert(format!("{:?}", image.pixels));
        }
        assert!(kinds.len() > 30, "{}", kinds.len());
        let plain = Augment::new(vec![Step::FixMatch {
            operations: 0,
            cutout: 0.0,
        }])
        .unwrap();
        let same = plain.apply(&picture(), Seed::new(3), 0, 0).unwrap();
        assert_eq!(same, (&picture()).into());
        assert!(augment.for_evaluation().steps().is_empty() && augment.random_step() == Some("fix-match"));
    }

    #[test]
    fn every_operation_changes_a_picture_and_one_does_not() {
        let changes = (0..OPERATIONS).filter_map(|number| operation(number, 0.9, -1.0, [12, 10]));
        let changed: Vec<PilOp> = changes
            .filter(|made| made.apply(&picture()).pixels != picture().pixels)
            .collect();
        // The picture has every value from dark to light: its contrast is as great as it can be.
        let dim = Image {
            pixels: picture().pixels.iter().map(|value| 40 + value / 4).collect(),
            ..picture()
        };
        let stretched = PilOp::Autocontrast.apply(&dim);
        assert!(stretched.pixels.contains(&0) && stretched.pixels.contains(&255));
        assert!(changed.len() >= OPERATIONS - 2, "{changed:?}");
    }

    #[test]
    fn what_has_a_place_in_the_picture_is_refused() {
        let augment = Augment::new(vec![Step::FixMatch {
            operations: 2,
            cutout: 0.5,
        }])
        .unwrap();
        assert!(augment.check_target(TargetKind::Class).is_ok());
        let refused = augment.check_target(TargetKind::Boxes).unwrap_err().to_string();
        assert!(refused.contains("fix-match"), "{refused}");
        assert!(
            Augment::new(vec![Step::FixMatch {
                operations: 2,
                cutout: 1.5
            }])
            .is_err()
        );
    }
}
