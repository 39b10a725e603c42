//! Which pixels outlines cover.
//!
//! The rule is that of COCO's tools, so that a mask is the one that others train on and are measured by:
//! outlines are drawn on a grid five times as fine, and a pixel is inside if the middle of its column crosses
//! the outline above it an odd number of times.

use super::instance::InstanceShape;
use super::mask::Mask;
use super::polygon::Polygon;

/// How much finer the grid is.
const FINE: i64 = 5;
/// No image is greater; a coordinate beyond this is drawn as this.
const FARTHEST: i64 = FINE * (1 << 15);

impl InstanceShape {
    /// The pixels of the object in an image of `[height, width]`; those of several polygons together.
    ///
    /// ```
    /// use potstill_data::{InstanceShape, Polygon};
    /// let square = Polygon { points: vec![[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]] };
    /// let mask = InstanceShape::Polygons(vec![square]).mask([2, 4]);
    /// assert_eq!(mask.inside, [false, true, true, false, false, true, true, false]);
    /// ```
    pub fn mask(&self, [height, width]: [usize; 2]) -> Mask {
        match self {
            Self::Mask(mask) => mask.clone(),
            Self::Polygons(polygons) => {
                let mut mask = Mask::empty(height, width);
                for polygon in polygons {
                    add(&mut mask, polygon);
                }
                mask
            }
        }
    }
}

/// Adds the pixels of a polygon.
fn add(mask: &mut Mask, polygon: &Polygon) {
    let (height, width) = (mask.height, mask.width);
    // Column by column: where the outline is crossed, and what is crossed as often as it is not.
    let mut crossed = vec![false; height * width + 1];
    for [column, row] in crossings(&outline(polygon), height, width) {
        crossed[column * height + row] ^= true;
    }
    let mut inside = false;
    for (at, crossed) in crossed[..height * width].iter().enumerate() {
        inside ^= crossed;
        if inside {
            mask.inside[at % height * width + at / height] = true;
        }
    }
}

/// The points of the fine grid `[x, y]` that the closed outline goes through, in order.
fn outline(polygon: &Polygon) -> Vec<[i64; 2]> {
    let fine = |value: f64| ((FINE as f64 * value + 0.5) as i64).clamp(-FARTHEST, FARTHEST);
    let corners: Vec<[i64; 2]> = polygon.points.iter().map(|point| point.map(fine)).collect();
    let mut points = Vec::new();
    for (&from, &to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        edge(from, to, &mut points);
    }
    points
}

/// The points of one edge, one for each step along its longer axis. They are computed from its left (or
/// upper) end.
fn edge(from: [i64; 2], to: [i64; 2], points: &mut Vec<[i64; 2]>) {
    let lengths = [0, 1].map(|axis: usize| (to[axis] - from[axis]).abs());
    let (long, short) = if lengths[0] >= lengths[1] { (0, 1) } else { (1, 0) };
    let backwards = from[long] > to[long];
    let (start, end) = if backwards { (to, from) } else { (from, to) };
    let length = lengths[long];
    let slope = (end[short] - start[short]) as f64 / length.max(1) as f64;
    for step in 0..=length {
        let step = if backwards { length - step } else { step };
        let mut point = [0; 2];
        point[long] = start[long] + step;
        point[short] = (start[short] as f64 + slope * step as f64 + 0.5) as i64;
        points.push(point);
    }
}

/// Where the outline crosses the middles of the columns of an image: the column, and the first row below the
/// crossing.
fn crossings(points: &[[i64; 2]], height: usize, width: usize) -> Vec<[usize; 2]> {
    let crossing = |pair: &[[i64; 2]]| {
        let [[before, upper], [after, lower]] = [pair[0], pair[1]];
        if before == after {
            return None;
        }
        // The middle of pixel `n` is point `FINE * n + 2` of the fine grid.
        let x = if after < before { after } else { after - 1 } - FINE / 2;
        let y = upper.min(lower) - FINE / 2;
        let column = usize::try_from(x.div_euclid(FINE))
            .ok()
            .filter(|column| *column < width)?;
        let row = (-(-y).div_euclid(FINE)).clamp(0, height as i64) as usize;
        (x % FINE == 0).then_some([column, row])
    };
    points.windows(2).filter_map(crossing).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::{InstanceShape, Polygon};

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        points: Vec<[f64; 2]>,
        rows: Vec<String>,
    }

    fn reference() -> Vec<Case> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/polygons.json");
        let reference: Reference = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        reference.cases
    }

    fn rows(shape: &InstanceShape, [height, width]: [usize; 2]) -> Vec<String> {
        let mask = shape.mask([height, width]);
        let row = |row: &[bool]| row.iter().map(|&inside| if inside { '1' } else { '0' }).collect();
        mask.inside.chunks_exact(width).map(row).collect()
    }

    #[test]
    fn pixels_are_those_of_the_tools_of_coco() {
        for case in reference() {
            let shape = InstanceShape::Polygons(vec![Polygon { points: case.points }]);
            assert_eq!(rows(&shape, [8, 12]), case.rows, "{}", case.name);
        }
    }

    #[test]
    fn several_polygons_are_united_and_wild_ones_do_no_harm() {
        let polygon = |points: &[[f64; 2]]| Polygon {
            points: points.to_vec(),
        };
        let left = polygon(&[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]);
        let both = InstanceShape::Polygons(vec![
            left.clone(),
            polygon(&[[1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [1.0, 1.0]]),
        ]);
        assert_eq!(rows(&both, [1, 4]), ["1110"]);
        let wild = polygon(&[[f64::NAN, 0.0], [1e300, -1e300], [f64::INFINITY, 5.0]]);
        assert_eq!(
            InstanceShape::Polygons(vec![wild, polygon(&[])])
                .mask([3, 3])
                .inside
                .len(),
            9
        );
    }
}
