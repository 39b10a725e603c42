//! Where the teacher is read, and which places of its maps are gathered.

use burn::tensor::Tensor;
use potstill_data::{LabelMap, Target};
use potstill_ops::{Point, adaptive_avg_pool};
use potstill_random::Seed;

use super::failed;
use crate::MethodError;

/// Where features are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The point of the teacher.
    pub point: Point,
    /// Rows and columns of the teacher's map for each of the student's: it is averaged down by so much.
    pub pooling: usize,
    /// Channels of the map.
    pub channels: usize,
    /// Which of its places are gathered offline.
    pub gathered: Gathered,
}

/// Which places of an image are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// Every one.
    All,
    /// Every one, with the class of the image.
    OfImages,
    /// At most so many, drawn from this seed, of what is no padding: a map of a dense task has many.
    Drawn {
        /// How many.
        places: usize,
        /// The seed.
        seed: u64,
    },
    /// At most so many of each class, drawn from this seed, with the class of their pixel; none of those without a label.
    OfPixels {
        /// How many of a class.
        places: usize,
        /// The seed.
        seed: u64,
    },
}

/// One image of a batch, as far as places are concerned.
pub(super) struct OneImage<'a> {
    /// Its index in the training images.
    pub index: usize,
    /// What is known about it.
    pub target: &'a Target,
    /// Which part of the height and width of its map is its own; the rest is padding.
    pub own: [f64; 2],
    /// Height and width of the map.
    pub size: [usize; 2],
}

/// The places of an image that are gathered, as indices into its rows, and their classes: one for all of them, one for each, or none.
pub(super) struct Chosen {
    pub places: Vec<usize>,
    pub labels: Vec<u32>,
}

impl Place {
    /// A map `[N, H, W, C]` of the teacher at the student's size: averaged where it is larger.
    pub fn pooled(&self, map: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = map.dims();
        self.at_the_size_of(
            map,
            [height, width].map(|side| side.div_ceil(self.pooling.max(1))),
        )
    }

    /// The same at this size.
    pub fn at_the_size_of(&self, map: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        let [_, height, width, _] = map.dims();
        if [height, width] == size {
            map
        } else {
            adaptive_avg_pool(map, size)
        }
    }

    /// The features of a map of the teacher at this size, `[N H W, C]`.
    pub fn rows(&self, map: Tensor<4>, size: [usize; 2]) -> Tensor<2> {
        let rows = map.dims()[0] * size[0] * size[1];
        self.at_the_size_of(map, size).reshape([rows, self.channels])
    }
}

impl Gathered {
    /// The places of an image.
    ///
    /// # Errors
    /// A target of another kind than its classes are to be read from.
    pub(super) fn of(self, image: &OneImage<'_>) -> Result<Chosen, MethodError> {
        let [height, width] = image.size;
        let all = || (0..height * width).collect();
        match self {
            Self::All => Ok(Chosen {
                places: all(),
                labels: Vec::new(),
            }),
            Self::OfImages => Ok(Chosen {
                places: all(),
                labels: vec![image.target.class().map_err(failed)?],
            }),
            Self::Drawn { places, seed } => Ok(Chosen {
                places: drawn(own_places(image), places, seed, &[image.index as u64]),
                labels: Vec::new(),
            }),
            Self::OfPixels { places, seed } => {
                let Target::Map(map) = image.target else {
                    return Ok(Chosen {
                        places: Vec::new(),
                        labels: Vec::new(),
                    });
                };
                let mut chosen = Chosen {
                    places: Vec::new(),
                    labels: Vec::new(),
                };
                let (unpadded, labels) = (own_places(image), labels_of_places(map, image));
                for class in map.classes() {
                    let own = unpadded.iter().zip(&labels);
                    let own = own.filter(|&(_, &label)| u32::from(label) == class);
                    let own = own.map(|(&place, _)| place).collect();
                    let own = drawn(own, places, seed, &[image.index as u64, u64::from(class)]);
                    chosen.labels.extend(vec![class; own.len()]);
                    chosen.places.extend(own);
                }
                Ok(chosen)
            }
        }
    }
}

/// Rows and columns of a map that are the image's own.
fn own_sides(image: &OneImage<'_>) -> [usize; 2] {
    let side = |axis: usize| (image.own[axis] * image.size[axis] as f64).ceil() as usize;
    [side(0).clamp(1, image.size[0]), side(1).clamp(1, image.size[1])]
}

/// The places that are no padding, row by row.
fn own_places(image: &OneImage<'_>) -> Vec<usize> {
    let ([rows, columns], width) = (own_sides(image), image.size[1]);
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| row * width + column))
        .collect()
}

/// The labels of the places that are no padding, row by row: each that of the pixel in its middle. A place is so large a part of the padded
/// image as it is of the map, so one at the edge may have its middle in the padding: it has the label of the last pixel.
fn labels_of_places(map: &LabelMap, image: &OneImage<'_>) -> Vec<u8> {
    let [rows, columns] = own_sides(image);
    let sides = [map.height, map.width];
    let padded = [0, 1].map(|axis| (sides[axis] as f64 / image.own[axis]).round() as usize);
    let middle = |at: usize, axis: usize| {
        let pixel = (2 * at + 1) * padded[axis] / (2 * image.size[axis]);
        pixel.min(sides[axis] - 1)
    };
    let mut labels = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let line = middle(row, 0) * map.width;
        labels.extend((0..columns).map(|column| map.labels[line + middle(column, 1)]));
    }
    labels
}

/// At most `count` of these places in ascending order.
fn drawn(places: Vec<usize>, count: usize, seed: u64, counters: &[u64]) -> Vec<usize> {
    Seed::new(seed)
        .stream("letkd.places", counters)
        .some_of(places, count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use potstill_data::{LabelMap, Target};

    use super::{Gathered, OneImage};

    fn image(target: &Target, own: [f64; 2]) -> OneImage<'_> {
        OneImage {
            index: 3,
            target,
            own,
            size: [4, 6],
        }
    }

    #[test]
    fn few_places_are_drawn_and_none_of_the_padding() {
        let drawn = |places, seed| {
            let gathered = Gathered::Drawn { places, seed };
            gathered.of(&image(&Target::None, [0.5, 1.0])).unwrap().places
        };
        // The upper half of 4x6 places is the image's own.
        assert_eq!(drawn(50, 0), (0..12).collect::<Vec<_>>());
        let [a, again, other] = [drawn(5, 0), drawn(5, 0), drawn(5, 1)];
        assert_eq!(a.len(), 5);
        assert!(a.iter().all(|&place| place < 12) && a.is_sorted_by(|x, y| x < y));
        assert_eq!(a, again);
        assert_ne!(a, other);
        let all = Gathered::All.of(&image(&Target::None, [0.5, 1.0])).unwrap();
        assert_eq!(all.places.len(), 24, "of one size there is no padding");
    }

    #[test]
    fn places_have_the_label_of_the_pixel_in_their_middle() {
        // Twice as fine as the places: class 0 on the left, class 7 on the right, the last line of places without a label.
        let label = |row: usize, column: usize| match (row, column) {
            (6.., _) => LabelMap::IGNORE,
            (_, 0..6) => 0,
            _ => 7,
        };
        let pixels = (0..8).flat_map(|row| (0..12).map(move |column| label(row, column)));
        let target = Target::Map(LabelMap {
            height: 8,
            width: 12,
            labels: pixels.collect(),
        });
        let gather = |places| {
            let gathered = Gathered::OfPixels { places, seed: 0 };
            gathered.of(&image(&target, [1.0, 1.0])).unwrap()
        };
        let chosen = gather(100);
        assert_eq!(chosen.places.len(), 18);
        for (place, label) in chosen.places.iter().zip(&chosen.labels) {
            assert_eq!(*label, if place % 6 < 3 { 0 } else { 7 }, "{place}");
        }
        assert_eq!(gather(2).labels, [0, 0, 7, 7]);
        let unlabelled = Gathered::OfPixels { places: 2, seed: 0 };
        let none = unlabelled.of(&image(&Target::None, [1.0, 1.0])).unwrap();
        assert!(none.places.is_empty());
    }

    #[test]
    fn a_place_of_a_padded_image_is_no_smaller_than_others() {
        // Seven lines of pixels of ten, each of a class of its own: four lines of places have their middles in lines 1, 3, 6 and 8 of the ten.
        let target = Target::Map(LabelMap {
            height: 7,
            width: 12,
            labels: (0..7 * 12).map(|pixel| pixel / 12).collect(),
        });
        let gathered = Gathered::OfPixels { places: 100, seed: 0 };
        let labels_of = |own: [f64; 2]| {
            let chosen = gathered.of(&image(&target, own)).unwrap();
            let mut first_column: Vec<_> = chosen.places.iter().zip(&chosen.labels).collect();
            first_column.retain(|(place, _)| *place % 6 == 0);
            first_column
                .into_iter()
                .map(|(_, label)| *label)
                .collect::<Vec<_>>()
        };
        assert_eq!(labels_of([0.7, 1.0]), [1, 3, 6]);
        // Seven of nine: the last place has its middle, line 7, in the padding.
        assert_eq!(labels_of([7.0 / 9.0, 1.0]), [1, 3, 5, 6]);
    }
}
