//! Which level of a pyramid shows a region.

use crate::{Corners, boxes::area};

/// The side of a box that is read at level 4, and that level (Lin et al. 2017, "Feature Pyramid Networks", equation 1).
const CANONICAL: (f64, f64) = (224.0, 4.0);

/// Gives each region the level of a pyramid at which it is about as large as the images of ImageNet were at that depth.
///
/// ```
/// use potstill_detection::RegionLevels;
/// let levels = RegionLevels::of_strides(&[4, 8, 16, 32]);
/// assert_eq!(levels.level([0.0, 0.0, 224.0, 224.0]), 2);
/// assert_eq!(levels.level([0.0, 0.0, 20.0, 30.0]), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionLevels {
    /// The levels by the logarithm of their stride.
    finest: u32,
    deepest: u32,
}

impl RegionLevels {
    /// Of levels with these strides, fine to coarse. Where two have one stride all regions of that stride are read from the first.
    pub fn of_strides(strides: &[usize]) -> Self {
        let log = |stride: Option<&usize>| stride.map_or(0, |stride| stride.max(&1).ilog2());
        Self {
            finest: log(strides.first()),
            deepest: log(strides.last()),
        }
    }

    /// The level of a box, from 0 for the finest. An empty one is read at the finest.
    pub fn level(&self, corners: Corners) -> usize {
        let (side, level) = CANONICAL;
        let ideal = (level + (f64::from(area(corners)).max(0.0).sqrt() / side).log2() + 1e-6).floor();
        let level = ideal.clamp(f64::from(self.finest), f64::from(self.deepest.max(self.finest)));
        level as usize - self.finest as usize
    }
}
