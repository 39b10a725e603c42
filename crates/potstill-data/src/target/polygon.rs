//! Outlines of objects.

/// A closed outline: its corners `[x, y]` in pixels, in order; the last one is joined to the first.
///
/// ```
/// use potstill_data::Polygon;
/// let triangle = Polygon { points: vec![[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]] };
/// assert_eq!(triangle.area(), 6.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    /// The corners.
    pub points: Vec<[f64; 2]>,
}

impl Polygon {
    /// The enclosed area in pixels.
    pub fn area(&self) -> f64 {
        let next = self.points.iter().cycle().skip(1);
        let twice: f64 = self
            .points
            .iter()
            .zip(next)
            .map(|([x, y], [u, v])| x * v - u * y)
            .sum();
        twice.abs() / 2.0
    }

    /// The part inside an image of `[height, width]` (Sutherland and Hodgman 1974); `None` if there is none.
    /// Where several parts are left they are joined along the edge of the image.
    pub(crate) fn clipped(&self, [height, width]: [usize; 2]) -> Option<Self> {
        let sides = [
            (0, 0.0, 1.0),
            (0, width as f64, -1.0),
            (1, 0.0, 1.0),
            (1, height as f64, -1.0),
        ];
        let cut = |points: Vec<[f64; 2]>, (axis, edge, inwards): (usize, f64, f64)| {
            let depth = |point: [f64; 2]| (point[axis] - edge) * inwards;
            let mut kept = Vec::with_capacity(points.len() + 2);
            for (&from, &to) in points.iter().zip(points.iter().cycle().skip(1)) {
                let (start, end) = (depth(from), depth(to));
                if start >= 0.0 {
                    kept.push(from);
                }
                if (start < 0.0) != (end < 0.0) {
                    let mut crossing = between(from, to, start / (start - end));
                    // Rounding must not leave it beside the edge.
                    crossing[axis] = edge;
                    kept.push(crossing);
                }
            }
            kept
        };
        let points = sides.into_iter().fold(self.points.clone(), cut);
        let clipped = Self { points };
        (clipped.area() > 0.0).then_some(clipped)
    }
}

/// The point at this share of the way.
fn between([x, y]: [f64; 2], [to_x, to_y]: [f64; 2], share: f64) -> [f64; 2] {
    [x + share * (to_x - x), y + share * (to_y - y)]
}

#[cfg(test)]
mod tests {
    use super::Polygon;

    fn polygon(points: &[[f64; 2]]) -> Polygon {
        Polygon {
            points: points.to_vec(),
        }
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        // A square standing on its tip, with its middle in the corner of the image: a quarter is inside.
        let tip = polygon(&[[4.0, 0.0], [0.0, 4.0], [-4.0, 0.0], [0.0, -4.0]]);
        let inside = tip.clipped([10, 10]).unwrap();
        assert_eq!(inside.area(), 8.0);
        assert!(inside.points.iter().all(|[x, y]| *x >= 0.0 && *y >= 0.0));
        let within = polygon(&[[1.0, 1.0], [3.0, 1.0], [1.0, 4.0]]);
        assert_eq!(within.clipped([10, 10]), Some(within.clone()));
        assert_eq!(within.clipped([1, 1]), None, "it only touches the image");
    }

    #[test]
    fn a_shape_with_a_bay_can_fall_apart() {
        // The letter U, of which the image shows both arms but not the bottom.
        let u = polygon(&[
            [0.0, 0.0],
            [2.0, 0.0],
            [2.0, 6.0],
            [4.0, 6.0],
            [4.0, 0.0],
            [6.0, 0.0],
            [6.0, 8.0],
            [0.0, 8.0],
        ]);
        assert_eq!(u.area(), 36.0);
        assert_eq!(u.clipped([5, 6]).unwrap().area(), 20.0);
    }
}
