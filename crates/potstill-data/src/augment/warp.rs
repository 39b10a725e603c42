//! Pictures under an affine map.

use super::float_image::FloatImage;
use super::matrix::AffineMatrix;

/// The picture moved by a map: each new pixel is the mean of the four old ones around the point that its
/// middle comes from, by their nearness; there is black outside.
pub(super) fn bilinear(image: &FloatImage, matrix: &AffineMatrix) -> FloatImage {
    let (height, width, channels) = (image.height, image.width, image.channels);
    let mut pixels = vec![0.0; image.pixels.len()];
    let Some(back) = matrix.inverse() else {
        return FloatImage { pixels, ..*image };
    };
    for (at, pixel) in pixels.chunks_exact_mut(channels.max(1)).enumerate() {
        // The middles of the old pixels lie at whole numbers.
        let [x, y] = origin(&back, at, width).map(|side| side - 0.5);
        let (left, top) = (x.floor(), y.floor());
        for (row, down) in [(top, 1.0 - (y - top)), (top + 1.0, y - top)] {
            for (column, right) in [(left, 1.0 - (x - left)), (left + 1.0, x - left)] {
                if let Some(from) = place([column, row], [height, width]) {
                    let weight = (down * right) as f32;
                    let old = &image.pixels[from * channels..][..channels];
                    pixel
                        .iter_mut()
                        .zip(old)
                        .for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    }
    FloatImage { pixels, ..*image }
}

/// For each new pixel the old one that its middle comes from.
pub(super) fn nearest([height, width]: [usize; 2], matrix: &AffineMatrix) -> Vec<Option<usize>> {
    let Some(back) = matrix.inverse() else {
        return vec![None; height * width];
    };
    (0..height * width)
        .map(|at| place(origin(&back, at, width).map(f64::floor), [height, width]))
        .collect()
}

/// Where the middle of a pixel comes from.
fn origin(back: &AffineMatrix, at: usize, width: usize) -> [f64; 2] {
    back.point([(at % width) as f64 + 0.5, (at / width) as f64 + 0.5])
}

/// The place of a pixel `[column, row]` in the picture, if it is one.
fn place([column, row]: [f64; 2], [height, width]: [usize; 2]) -> Option<usize> {
    let inside = (0.0..width as f64).contains(&column) && (0.0..height as f64).contains(&row);
    inside.then(|| row as usize * width + column as usize)
}
