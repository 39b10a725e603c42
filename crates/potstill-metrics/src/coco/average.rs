//! Precision and recall of one class over all images.

use super::cell::{AreaRange, Cell, MOST, falling};

/// Thresholds of overlap.
pub(super) const THRESHOLDS: usize = 10;
/// Recalls at which precision is read.
const RECALLS: usize = 101;

/// All areas, small, medium and large ones, in square pixels.
pub(super) const RANGES: [AreaRange; 4] = [
    AreaRange(0.0, 1e10),
    AreaRange(0.0, 1024.0),
    AreaRange(1024.0, 9216.0),
    AreaRange(9216.0, 1e10),
];

/// How many detections of an image are looked at.
pub(super) const DETECTIONS: [usize; 3] = [1, 10, MOST];

/// Of a class: precision and recall by range of area.
#[derive(Debug)]
pub(super) struct Averages {
    /// None where the range has no object.
    ranges: Vec<Option<RangeAverages>>,
}

#[derive(Debug)]
struct RangeAverages {
    /// The mean of precision over the recalls, by threshold, of the best 100 detections.
    precision: [f64; THRESHOLDS],
    /// The recall by number of detections and threshold.
    recall: [[f64; THRESHOLDS]; DETECTIONS.len()],
}

/// `count` numbers from `start` to `end` as `numpy.linspace` rounds them.
fn evenly(start: f64, end: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (end - start) / (count - 1) as f64;
    (0..count).map(move |at| {
        if at + 1 == count {
            end
        } else {
            start + at as f64 * step
        }
    })
}

impl Averages {
    pub fn of(cells: &[Cell<'_>]) -> Self {
        Self {
            ranges: RANGES
                .iter()
                .map(|&range| RangeAverages::of(cells, range))
                .collect(),
        }
    }

    /// The precision at these thresholds.
    pub fn precision(&self, range: usize, thresholds: std::ops::Range<usize>) -> Option<f64> {
        let precision = &self.ranges[range].as_ref()?.precision[thresholds];
        Some(precision.iter().sum::<f64>() / precision.len() as f64)
    }

    /// The recall over all thresholds, of so many detections by their place in [`DETECTIONS`].
    pub fn recall(&self, range: usize, detections: usize) -> Option<f64> {
        let recall = &self.ranges[range].as_ref()?.recall[detections];
        Some(recall.iter().sum::<f64>() / recall.len() as f64)
    }
}

impl RangeAverages {
    fn of(cells: &[Cell<'_>], range: AreaRange) -> Option<Self> {
        let wanted: usize = cells.iter().map(|cell| cell.wanted(range)).sum();
        if wanted == 0 {
            return None;
        }
        let mut averages = Self {
            precision: [0.0; THRESHOLDS],
            recall: [[0.0; THRESHOLDS]; DETECTIONS.len()],
        };
        for (threshold, value) in evenly(0.5, 0.95, THRESHOLDS).enumerate() {
            let matches: Vec<_> = cells.iter().map(|cell| cell.matches(range, value)).collect();
            for (at, &most) in DETECTIONS.iter().enumerate() {
                let mut ranked: Vec<(f64, bool)> = Vec::new();
                for (cell, matches) in cells.iter().zip(&matches) {
                    let judged = cell.found.iter().zip(&matches.right).take(most);
                    ranked.extend(judged.filter_map(|(found, right)| Some((found.score, (*right)?))));
                }
                ranked.sort_by(|a, b| falling(a.0, b.0));
                let curve = Curve::of(ranked.iter().map(|(_, right)| *right), wanted);
                averages.recall[at][threshold] = curve.recall.last().copied().unwrap_or(0.0);
                averages.precision[threshold] = curve.mean_precision();
            }
        }
        Some(averages)
    }
}

/// Precision and recall after each detection.
struct Curve {
    precision: Vec<f64>,
    recall: Vec<f64>,
}

impl Curve {
    fn of(judged: impl Iterator<Item = bool>, wanted: usize) -> Self {
        let (mut right, mut wrong) = (0.0, 0.0);
        let (mut precision, mut recall) = (Vec::new(), Vec::new());
        for is_right in judged {
            *(if is_right { &mut right } else { &mut wrong }) += 1.0;
            precision.push(right / (wrong + right + f64::EPSILON));
            recall.push(right / wanted as f64);
        }
        // A later detection with a better precision stands for the earlier ones.
        for at in (1..precision.len()).rev() {
            precision[at - 1] = precision[at - 1].max(precision[at]);
        }
        Self { precision, recall }
    }

    /// The mean of the precision over the recalls; 0 where a recall is not reached.
    fn mean_precision(&self) -> f64 {
        let at_recall = evenly(0.0, 1.0, RECALLS).map(|recall| {
            let first = self.recall.partition_point(|found| *found < recall);
            self.precision.get(first).copied().unwrap_or(0.0)
        });
        at_recall.sum::<f64>() / RECALLS as f64
    }
}
