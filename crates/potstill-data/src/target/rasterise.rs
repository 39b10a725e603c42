//! Which pixels an object covers.

use potstill_metrics::RunMask;

use super::instance::InstanceShape;
use super::mask::Mask;

impl InstanceShape {
    /// The pixels of the object in an image of `[height, width]`; those of several polygons together. The rule is that of COCO's tools,
    /// so that a mask is the one that others train on and are measured by.
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
                let outlines = polygons.iter().map(|polygon| polygon.points.as_slice());
                Mask {
                    height,
                    width,
                    inside: RunMask::from_outlines([height, width], outlines).to_rows(),
                }
            }
        }
    }
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
