//! Where SSD looks: default boxes.

use crate::Corners;

/// The default boxes of SSD (Liu et al. 2016): around each place of a map two squares, and a pair of lying and standing boxes for each
/// ratio.
///
/// ```
/// use potstill_detection::DefaultBoxes;
/// let boxes = DefaultBoxes::ssdlite();
/// let maps = [20, 10, 5, 3, 2, 1].map(|side| [side, side]);
/// assert_eq!(boxes.boxes([320, 320], &maps).len(), 3234);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultBoxes {
    /// Of each level: the ratios of width to height, above 1.
    ratios: Vec<Vec<f64>>,
    /// Of each level, and one more: the side of its square, as a share of the image.
    scales: Vec<f64>,
}

impl DefaultBoxes {
    /// Levels with these ratios. Their scales go evenly from `least` to `largest`.
    pub fn new(ratios: Vec<Vec<f64>>, [least, largest]: [f64; 2]) -> Self {
        let last = ratios.len().saturating_sub(1).max(1) as f64;
        let scale = |level: usize| least + (largest - least) * level as f64 / last;
        let mut scales: Vec<f64> = (0..ratios.len()).map(scale).collect();
        scales.push(1.0);
        Self { ratios, scales }
    }

    /// Those of SSDLite: six levels, scales from 0.2 to 0.95, the ratios 2 and 3 at each.
    pub fn ssdlite() -> Self {
        Self::new(vec![vec![2.0, 3.0]; 6], [0.2, 0.95])
    }

    /// Widths and heights of the boxes around a place of a level, as shares of the image; none is larger than the image.
    fn sides(&self, level: usize) -> Vec<[f64; 2]> {
        let (scale, next) = (self.scales[level], self.scales[level + 1]);
        let between = (scale * next).sqrt();
        let mut sides = vec![[scale; 2], [between; 2]];
        for ratio in &self.ratios[level] {
            let root = ratio.sqrt();
            sides.extend([[scale * root, scale / root], [scale / root, scale * root]]);
        }
        sides
            .into_iter()
            .map(|side| side.map(|side| side.clamp(0.0, 1.0)))
            .collect()
    }

    /// All boxes of an image of `[height, width]` whose maps have these sizes, one level after the other, row by row.
    pub fn boxes(&self, [height, width]: [usize; 2], maps: &[[usize; 2]]) -> Vec<Corners> {
        let mut boxes = Vec::new();
        for (level, &[rows, columns]) in maps.iter().enumerate().take(self.ratios.len()) {
            let sides = self.sides(level);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let [x, y] = [
                    (column as f64 + 0.5) / columns as f64,
                    (row as f64 + 0.5) / rows as f64,
                ];
                boxes.extend(sides.iter().map(|[across, down]| {
                    let [left, right] = [x - 0.5 * across, x + 0.5 * across].map(|at| at * width as f64);
                    let [top, bottom] = [y - 0.5 * down, y + 0.5 * down].map(|at| at * height as f64);
                    [left, top, right, bottom].map(|side| side as f32)
                }));
            }
        }
        boxes
    }
}
