//! The cache of a teacher in a plan: what is asked of it, what it keeps, how large it becomes.

use std::collections::BTreeMap;

use potstill_ops::Point;
use potstill_recipe::{Precision, Teacher};

/// What is asked of the cache of a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Whether the maps that methods read are kept as well, not the logits alone.
    pub taps: bool,
    /// In what numbers are kept.
    pub precision: Precision,
}

impl CacheOptions {
    /// Those of a teacher of a recipe; `None` if it asks for no cache.
    pub(crate) fn of(spec: &Teacher) -> Option<Self> {
        spec.cache.then_some(Self {
            taps: spec.cache_taps,
            precision: spec.cache_precision,
        })
    }
}

/// What the cache of a teacher will keep.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCache {
    /// Augmented views of each image that the run sees.
    pub views: usize,
    /// Training images.
    pub images: usize,
    /// Logits of an image.
    pub classes: usize,
    /// The size `[H, W, C]` of each map that is kept.
    pub maps: BTreeMap<Point, [usize; 3]>,
    /// In what numbers are kept.
    pub precision: Precision,
}

/// Bytes of the checksum of logits and of each map.
const CHECKSUM: usize = 8;

impl PlannedCache {
    /// Bytes of a number.
    pub(crate) fn bytes_of_number(&self) -> usize {
        match self.precision {
            Precision::Single => 4,
            Precision::Half => 2,
        }
    }

    /// How large the cache becomes, in bytes.
    pub fn bytes(&self) -> u64 {
        let maps = self.maps.values().map(|size| size.iter().product::<usize>());
        let records = maps.chain([self.classes]);
        let of_image: usize = records
            .map(|numbers| CHECKSUM + numbers * self.bytes_of_number())
            .sum();
        (of_image * self.images * self.views) as u64
    }
}
