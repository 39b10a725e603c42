//! Affine maps of the plane.

use crate::BoundingBox;

/// An affine map: where a point `[x, y]` of an image, in pixels from its left upper corner, comes to lie in
/// another image.
///
/// ```
/// use potstill_data::{AffineMatrix, BoundingBox};
/// // Mirrored left-right in an image 10 pixels wide, then twice as large.
/// let matrix = AffineMatrix::flip(10.0).then(&AffineMatrix::scaling([2.0, 2.0]));
/// assert_eq!(matrix.point([1.0, 3.0]), [18.0, 6.0]);
/// let bounds = matrix.bounds(&BoundingBox::new(1.0, 3.0, 4.0, 5.0));
/// assert_eq!(bounds, BoundingBox::new(12.0, 6.0, 18.0, 10.0));
/// assert_eq!(matrix.inverse().unwrap().point([18.0, 6.0]), [1.0, 3.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffineMatrix {
    rows: [[f64; 3]; 2],
}

impl AffineMatrix {
    /// The matrix with these rows: `[x, y]` goes to `[a x + b y + c, d x + e y + f]` for
    /// `[[a, b, c], [d, e, f]]`.
    pub fn new(rows: [[f64; 3]; 2]) -> Self {
        Self { rows }
    }

    /// Leaves every point where it is.
    pub fn identity() -> Self {
        Self::scaling([1.0; 2])
    }

    /// Moves by `[x, y]`.
    pub fn translation([x, y]: [f64; 2]) -> Self {
        Self::new([[1.0, 0.0, x], [0.0, 1.0, y]])
    }

    /// Scales by these factors along x and y, about the left upper corner.
    pub fn scaling([x, y]: [f64; 2]) -> Self {
        Self::new([[x, 0.0, 0.0], [0.0, y, 0.0]])
    }

    /// Mirrors an image of this width left-right.
    pub fn flip(width: f64) -> Self {
        Self::new([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])
    }

    /// Turns clockwise by so many degrees, after a shear along x by an angle of so many degrees, about the
    /// left upper corner.
    pub fn rotation(degrees: f64, shear: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let shear = shear.to_radians().tan();
        Self::new([[cos, -cos * shear - sin, 0.0], [sin, cos - sin * shear, 0.0]])
    }

    /// This map, and `next` after it.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let [[a, b, c], [d, e, f]] = self.rows;
        Self::new(
            next.rows
                .map(|[x, y, z]| [x * a + y * d, x * b + y * e, x * c + y * f + z]),
        )
    }

    /// The map back; `None` if this one squeezes areas to nothing.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, c], [d, e, f]] = self.rows;
        let determinant = a * e - b * d;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let [a, b, d, e] = [e, -b, -d, a].map(|value| value / determinant);
        Some(Self::new([[a, b, -(a * c + b * f)], [d, e, -(d * c + e * f)]]))
    }

    /// Where a point goes.
    pub fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.rows.map(|[a, b, c]| a * x + b * y + c)
    }

    /// The smallest box around a box that was moved.
    pub fn bounds(&self, bounds: &BoundingBox) -> BoundingBox {
        let [first, rest @ ..] = bounds.corners().map(|corner| self.point(corner));
        let start = BoundingBox::new(first[0], first[1], first[0], first[1]);
        rest.into_iter().fold(start, |bounds, point| bounds.with(point))
    }
}

#[cfg(test)]
mod tests {
    use super::AffineMatrix;

    #[test]
    fn a_turn_by_a_right_angle_is_clockwise() {
        let [x, y] = AffineMatrix::rotation(90.0, 0.0).point([1.0, 0.0]);
        assert!(
            x.abs() < 1e-15 && (y - 1.0).abs() < 1e-15,
            "what was to the right is below"
        );
        let [x, y] = AffineMatrix::rotation(0.0, 45.0).point([0.0, 1.0]);
        assert!((x + 1.0).abs() < 1e-15 && y == 1.0);
    }

    #[test]
    fn an_inverse_undoes_its_map() {
        let matrix = AffineMatrix::rotation(33.0, 12.0)
            .then(&AffineMatrix::scaling([2.0, 0.5]))
            .then(&AffineMatrix::translation([-7.0, 3.0]));
        let there = matrix.point([5.0, -2.0]);
        let [x, y] = matrix.inverse().unwrap().point(there);
        assert!((x - 5.0).abs() < 1e-12 && (y + 2.0).abs() < 1e-12, "{x}, {y}");
        assert_eq!(AffineMatrix::scaling([1.0, 0.0]).inverse(), None);
    }
}
