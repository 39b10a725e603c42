//! Which level of one pyramid stands beside which of another.

use std::fmt;

use potstill_ops::Point;

use crate::MethodError;

/// Rows and columns of an image for each of a map's. A map of odd size has one that is not whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stride([f64; 2]);

impl Stride {
    /// Of a map in an image, both `[H, W, C]`.
    pub fn of(image: [usize; 3], map: [usize; 3]) -> Self {
        let along = |axis: usize| image[axis] as f64 / map[axis].max(1) as f64;
        Self([along(0), along(1)])
    }
}

impl fmt::Display for Stride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.0.map(|stride| (stride * 10.0).round() / 10.0);
        if rows == columns {
            write!(f, "{rows}")
        } else {
            write!(f, "{rows}x{columns}")
        }
    }
}

/// The points of a pyramid with the sizes `[H, W, C]` of their maps, fine to coarse.
type Pyramid = [(Point, [usize; 3])];

/// The levels of two pyramids whose maps have the same height and width: indices of the student's and the teacher's, fine to
/// coarse. Of several of one size the first stand beside each other, then the second.
///
/// # Errors
/// [`MethodError::NoCommonLevel`] if there is none.
pub(crate) fn by_size(
    method: &'static str,
    image: [usize; 3],
    student: &Pyramid,
    teacher: &Pyramid,
) -> Result<Vec<[usize; 2]>, MethodError> {
    let mut pairs = Vec::new();
    let mut next = 0;
    for (s, (_, ours)) in student.iter().enumerate() {
        let beside = teacher[next..]
            .iter()
            .position(|(_, theirs)| theirs[..2] == ours[..2]);
        if let Some(offset) = beside {
            pairs.push([s, next + offset]);
            next += offset + 1;
        }
    }
    if pairs.is_empty() {
        let strides = |pyramid: &Pyramid| {
            let strides = pyramid.iter().map(|(_, map)| Stride::of(image, *map).to_string());
            strides.collect::<Vec<_>>().join(", ")
        };
        return Err(MethodError::NoCommonLevel {
            method,
            student: strides(student),
            teacher: strides(teacher),
        });
    }
    Ok(pairs)
}

/// Whether two pyramids of as many levels have the same strides, level by level.
///
/// # Errors
/// [`MethodError::Strides`] with the first level that differs.
pub(crate) fn check_strides(
    method: &'static str,
    image: [usize; 3],
    student: &Pyramid,
    teacher: &Pyramid,
) -> Result<(), MethodError> {
    for (level, ((_, ours), (_, theirs))) in student.iter().zip(teacher).enumerate() {
        if ours[..2] != theirs[..2] {
            return Err(MethodError::Strides {
                method,
                level,
                student: Stride::of(image, *ours).to_string(),
                teacher: Stride::of(image, *theirs).to_string(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use potstill_ops::Point;

    use super::{Stride, by_size, check_strides};

    fn pyramid(sizes: &[[usize; 2]]) -> Vec<(Point, [usize; 3])> {
        let levels = sizes.iter().enumerate();
        levels
            .map(|(level, &[h, w])| (Point::post(level.to_string()), [h, w, 8]))
            .collect()
    }

    #[test]
    fn levels_pair_by_stride_and_not_by_place() {
        // P2 to P6 of one beside P3 to P7 of the other, for an image of 96x128.
        let fine = pyramid(&[[24, 32], [12, 16], [6, 8], [3, 4], [2, 2]]);
        let coarse = pyramid(&[[12, 16], [6, 8], [3, 4], [2, 2], [1, 1]]);
        let pairs = by_size("pkd", [96, 128, 3], &fine, &coarse).unwrap();
        assert_eq!(pairs, [[1, 0], [2, 1], [3, 2], [4, 3]]);
        // Two levels of stride 32 stand beside two.
        let mobile = pyramid(&[[10, 10], [10, 10], [5, 5]]);
        let pairs = by_size("pkd", [320, 320, 3], &mobile, &mobile).unwrap();
        assert_eq!(pairs, [[0, 0], [1, 1], [2, 2]]);
    }

    #[test]
    fn pyramids_without_a_common_level_are_refused_with_their_strides() {
        let (fine, coarse) = (pyramid(&[[24, 32]]), pyramid(&[[12, 16], [6, 8]]));
        let refused = by_size("cwd", [96, 128, 3], &fine, &coarse)
            .unwrap_err()
            .to_string();
        assert!(refused.contains('4') && refused.contains("8, 16"), "{refused}");
        let refused = check_strides("review-kd", [96, 128, 3], &fine, &coarse).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("level 0 of the student has stride 4, that of the teacher 8"),
            "{refused}"
        );
        assert!(check_strides("review-kd", [96, 128, 3], &coarse, &coarse).is_ok());
    }

    #[test]
    fn a_stride_is_told_as_it_is() {
        assert_eq!(Stride::of([96, 128, 3], [12, 16, 1]).to_string(), "8");
        assert_eq!(Stride::of([64, 96, 3], [1, 2, 1]).to_string(), "64x48");
        assert_eq!(Stride::of([100, 100, 3], [13, 13, 1]).to_string(), "7.7");
    }
}
