//! What is to be known of a detector by who reads its outputs elsewhere.

use potstill_detection::{AnchorGrid, BoxCoding, Corners, DecodeRule, DefaultBoxes};

use super::{DenseRules, RegionRules};

/// Where a detector looks, and which of what it sees it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorFacts {
    /// Of each level the boxes around the place at 0, 0, in pixels; none of a detector without anchors.
    pub anchors: Vec<Vec<Corners>>,
    /// How four numbers mean a box: `differences` to an anchor, `distances` from a place in its strides, or `cells`.
    pub boxes: &'static str,
    /// Which of its candidates are detections.
    pub rule: DecodeRule,
}

fn all(grid: &AnchorGrid) -> Vec<Vec<Corners>> {
    (0..grid.levels())
        .map(|level| grid.around(level).to_vec())
        .collect()
}

impl From<&DenseRules> for DetectorFacts {
    fn from(rules: &DenseRules) -> Self {
        Self {
            anchors: all(&rules.anchors),
            boxes: match rules.coding {
                BoxCoding::Differences(_) => "differences",
                BoxCoding::Distances => "distances",
            },
            rule: rules.detections,
        }
    }
}

impl From<&RegionRules> for DetectorFacts {
    fn from(rules: &RegionRules) -> Self {
        Self {
            anchors: all(&rules.anchors),
            boxes: "differences",
            rule: rules.detections,
        }
    }
}

impl DetectorFacts {
    /// FastestDet's.
    pub(crate) fn of_cells() -> Self {
        Self {
            anchors: Vec::new(),
            boxes: "cells",
            rule: DecodeRule::fastestdet(),
        }
    }

    /// Those of SSDLite, whose default boxes are told for its published input.
    pub(crate) fn of_default_boxes() -> Self {
        let maps = [20, 10, 5, 3, 2, 1];
        let of_map = |level: usize| {
            let mut sizes = vec![[0, 0]; level];
            sizes.push([maps[level]; 2]);
            let around = DefaultBoxes::ssdlite().boxes([320, 320], &sizes);
            around.into_iter().take(6).collect()
        };
        Self {
            anchors: (0..maps.len()).map(of_map).collect(),
            boxes: "differences",
            rule: DecodeRule::ssdlite(),
        }
    }
}
