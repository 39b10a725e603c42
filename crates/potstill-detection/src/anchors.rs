//! Where a detector looks: boxes around the places of its maps.

use crate::Corners;

/// The anchors of every level of a pyramid: a few boxes around each place of its maps.
///
/// ```
/// use potstill_detection::AnchorGrid;
/// let grid = AnchorGrid::retinanet();
/// assert_eq!(grid.per_place(0), 9);
/// let anchors = grid.anchors([64, 96], &[[8, 12], [4, 6], [2, 3], [1, 2], [1, 1]]);
/// assert_eq!(anchors.len(), 9 * (96 + 24 + 6 + 2 + 1));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AnchorGrid {
    /// Of each level: the boxes around the place at 0, 0.
    levels: Vec<Vec<Corners>>,
}

impl AnchorGrid {
    /// At each level boxes of these side lengths (the root of the area), each in these ratios of height to width. Ratios change slowest.
    /// The boxes around a place have whole corners.
    pub fn new(sizes: &[Vec<f32>], ratios: &[f32]) -> Self {
        let around = |sizes: &Vec<f32>| -> Vec<Corners> {
            let pairs = ratios
                .iter()
                .flat_map(|ratio| sizes.iter().map(move |size| (ratio, size)));
            pairs.map(|(&ratio, &size)| at_origin(ratio, size)).collect()
        };
        Self {
            levels: sizes.iter().map(around).collect(),
        }
    }

    /// Those of RetinaNet (Lin et al. 2017): at five levels three sizes from 32 to 512, each in three ratios.
    pub fn retinanet() -> Self {
        Self::retinanet_at(&FIVE)
    }

    /// The same at levels of these strides: the least size is four strides.
    pub fn retinanet_at(strides: &[usize]) -> Self {
        let sizes = strides.iter().map(|stride| {
            let size = (4 * stride) as f32;
            // Sizes are whole numbers, cut off.
            let scaled = |thirds: f64| (f64::from(size) * 2.0_f64.powf(thirds / 3.0)).trunc() as f32;
            vec![size, scaled(1.0), scaled(2.0)]
        });
        Self::new(&sizes.collect::<Vec<_>>(), &[0.5, 1.0, 2.0])
    }

    /// Those of region proposals on a pyramid: at five levels one size, in three ratios.
    pub fn proposals() -> Self {
        let sizes: Vec<Vec<f32>> = powers().map(|size| vec![size]).collect();
        Self::new(&sizes, &[0.5, 1.0, 2.0])
    }

    /// Those of FCOS (Tian et al. 2019): one square at each place, as long as the level's stride; at five levels.
    pub fn fcos() -> Self {
        Self::fcos_at(&FIVE)
    }

    /// The same at levels of these strides.
    pub fn fcos_at(strides: &[usize]) -> Self {
        let sizes: Vec<Vec<f32>> = strides.iter().map(|&stride| vec![stride as f32]).collect();
        Self::new(&sizes, &[1.0])
    }

    /// How many levels there are.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The anchors of a level around the place at 0, 0.
    pub fn around(&self, level: usize) -> &[Corners] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// How many anchors a place of this level has.
    pub fn per_place(&self, level: usize) -> usize {
        self.levels.get(level).map_or(0, Vec::len)
    }

    /// All anchors of a padded image of `[height, width]` whose maps have these sizes, one level after the other, row by row. The stride of
    /// a level is the image divided by the map, rounded down, along each axis by itself.
    pub fn anchors(&self, [height, width]: [usize; 2], maps: &[[usize; 2]]) -> Vec<Corners> {
        let mut anchors = Vec::new();
        for (around, &[rows, columns]) in self.levels.iter().zip(maps) {
            let (down, across) = (height / rows.max(1), width / columns.max(1));
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let (x, y) = ((column * across) as f32, (row * down) as f32);
                let moved = around
                    .iter()
                    .map(|[left, top, right, bottom]| [left + x, top + y, right + x, bottom + y]);
                anchors.extend(moved);
            }
        }
        anchors
    }
}

/// The strides of the levels of a one-stage detector.
const FIVE: [usize; 5] = [8, 16, 32, 64, 128];

/// 32, 64, 128, 256, 512.
fn powers() -> impl Iterator<Item = f32> {
    (5..10).map(|power| (1_u32 << power) as f32)
}

fn at_origin(ratio: f32, size: f32) -> Corners {
    let root = ratio.sqrt();
    let [width, height] = [size / root, size * root];
    [-width, -height, width, height].map(|side| (0.5 * side).round_ties_even())
}
