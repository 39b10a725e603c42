//! What a detector's class scores are of: known once it has looked at an image, and the same for all of that size.

use std::fmt;

use burn::tensor::Tensor;

use super::Detections;

/// What the class scores of a detector are of. Scores of two detectors stand beside each other where this is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreLayout {
    /// The kind of detector.
    pub kind: DetectorKind,
    /// Rows and columns of each map of scores in an image, in order; none of a two-stage detector, whose regions are whatever is asked for.
    pub maps: Vec<[usize; 2]>,
}

/// A kind of detector, by what its class scores are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectorKind {
    /// Regions: Faster and Mask R-CNN.
    Regions,
    /// The anchors or places of every level: RetinaNet, FCOS.
    Dense,
    /// The cells of one map: FastestDet.
    Cells,
    /// Default boxes: SSDLite.
    DefaultBoxes,
}

impl fmt::Display for DetectorKind {
    /// As it is told in messages: `a two-stage detector`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regions => "a two-stage detector",
            Self::Dense => "a one-stage detector with a pyramid",
            Self::Cells => "a detector with one map of cells",
            Self::DefaultBoxes => "a detector with default boxes",
        })
    }
}

impl ScoreLayout {
    /// Of what a detector gives for a batch, one image of it; `None` of one whose boxes are not read.
    pub fn of(detections: &Detections) -> Option<Self> {
        Some(match detections {
            Detections::Places(_) => return None,
            Detections::Regions(_) => Self {
                kind: DetectorKind::Regions,
                maps: Vec::new(),
            },
            Detections::Dense(dense) => {
                let classes = dense.levels.iter().map(|level| level.logits.dims());
                let centerness = dense.levels.iter().filter_map(|level| level.centerness.as_ref());
                let maps = classes.chain(centerness.map(Tensor::dims));
                Self {
                    kind: DetectorKind::Dense,
                    maps: maps.map(|[_, rows, columns]| [rows, columns]).collect(),
                }
            }
            Detections::Cells(cells) => {
                let [_, height, width, columns] = cells.cells.logits.dims();
                Self {
                    kind: DetectorKind::Cells,
                    maps: vec![[height * width, columns]],
                }
            }
            Detections::DefaultBoxes(boxes) => {
                let maps = boxes.maps.iter().map(|map| map.logits.dims());
                Self {
                    kind: DetectorKind::DefaultBoxes,
                    maps: maps.map(|[_, rows, columns]| [rows, columns]).collect(),
                }
            }
        })
    }
}
