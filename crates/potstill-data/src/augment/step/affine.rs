//! Random maps about the middle of an image.

use potstill_random::Stream;

use crate::AffineMatrix;

/// A random map about the middle of an image: scaled and sheared, turned, moved.
pub(super) fn random_matrix(
    [height, width]: [usize; 2],
    degrees: f64,
    translate: f64,
    scale: [f64; 2],
    shear: f64,
    stream: &mut Stream,
) -> AffineMatrix {
    let mut either_way = |most: f64| stream.uniform(-most, most);
    let (degrees, shear) = (either_way(degrees), either_way(shear));
    let [x, y] = [width, height].map(|side| side as f64);
    let way = [either_way(translate * x), either_way(translate * y)];
    let factor = stream.uniform(scale[0], scale[1]);
    about_middle([height, width], degrees, shear, factor, way)
}

/// The map that shears, turns, scales about the middle of an image and then moves by `[x, y]`.
pub(in crate::augment) fn about_middle(
    [height, width]: [usize; 2],
    degrees: f64,
    shear: f64,
    factor: f64,
    way: [f64; 2],
) -> AffineMatrix {
    let middle = [width as f64 / 2.0, height as f64 / 2.0];
    AffineMatrix::translation(middle.map(|side| -side))
        .then(&AffineMatrix::rotation(degrees, shear))
        .then(&AffineMatrix::scaling([factor; 2]))
        .then(&AffineMatrix::translation(middle))
        .then(&AffineMatrix::translation(way))
}
