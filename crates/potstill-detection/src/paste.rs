//! The small mask of a detection in its image.

use crate::{Corners, boxes::center};

/// A square mask of probabilities, `side * side` values row by row, as it lies in an image of `[height, width]`: the box of the detection is
/// cut to whole pixels, the mask is enlarged to it bilinearly, and everything outside is 0.
///
/// As torchvision does it, the mask gets an edge of zeros first and the box grows by as much, so that the mask ends softly.
///
/// ```
/// use potstill_detection::paste;
/// let pixels = paste(&[1.0; 4], 2, [2.0, 1.0, 4.0, 3.0], [4, 6]);
/// assert_eq!((pixels[2 * 6 + 3], pixels[0]), (1.0, 0.0));
/// ```
pub fn paste(mask: &[f32], side: usize, corners: Corners, [height, width]: [usize; 2]) -> Vec<f32> {
    let mut image = vec![0.0; height * width];
    if side == 0 || mask.len() < side * side || corners.iter().any(|corner| !corner.is_finite()) {
        return image;
    }
    let [left, top, right, bottom] = grown(corners, (side + 2) as f32 / side as f32);
    let [across, down] = [right - left + 1, bottom - top + 1].map(|length| length.max(1));
    let padded = |row: usize, column: usize| {
        let is_edge = [row, column].iter().any(|at| *at == 0 || *at > side);
        if is_edge {
            0.0
        } else {
            mask[(row - 1) * side + column - 1]
        }
    };
    let inside = |low: i64, length: i64, end: usize| low.max(0)..(low + length).clamp(0, end as i64);
    for row in inside(top, down, height) {
        let (rows, below) = between(row - top, down, side + 2);
        for column in inside(left, across, width) {
            let (columns, beside) = between(column - left, across, side + 2);
            let along = |row| padded(row, columns[0]) * (1.0 - beside) + padded(row, columns[1]) * beside;
            image[row as usize * width + column as usize] =
                along(rows[0]) * (1.0 - below) + along(rows[1]) * below;
        }
    }
    image
}

/// The box, grown about its middle, with corners cut to whole numbers.
fn grown([left, top, right, bottom]: Corners, factor: f32) -> [i64; 4] {
    let [x, y] = center([left, top, right, bottom]);
    let [across, down] = [0.5 * (right - left) * factor, 0.5 * (bottom - top) * factor];
    [x - across, y - down, x + across, y + down].map(|corner| corner as i64)
}

/// Between which two of `from` values value `at` of `to` lies, with half-pixel centres, and how far it is from the first.
fn between(at: i64, to: i64, from: usize) -> ([usize; 2], f32) {
    let place = ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
    let first = (place as usize).min(from - 1);
    ([first, (first + 1).min(from - 1)], place - first as f32)
}
