//! What a `config.json` says of a detector.

use potstill_models::DetectorFacts;
use serde::{Deserialize, Serialize};

/// Where a detector looks, and which of what it sees it tells: what a program needs to read its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorConfig {
    /// Of each level the boxes x1, y1, x2, y2 around the place at 0, 0, in pixels; none of a detector without anchors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Vec<[f32; 4]>>,
    /// How four numbers mean a box: `differences` to an anchor, `distances` from a place in its strides, or `cells`.
    pub boxes: String,
    /// A detection must score more than this.
    pub score_threshold: f32,
    /// A detection that a better one of its class overlaps by more than this is dropped.
    pub nms_threshold: f32,
    /// How many detections an image has at most.
    pub detections: usize,
}

impl From<DetectorFacts> for DetectorConfig {
    fn from(facts: DetectorFacts) -> Self {
        Self {
            anchors: facts.anchors,
            boxes: facts.boxes.into(),
            score_threshold: facts.rule.threshold,
            nms_threshold: facts.rule.overlap,
            detections: facts.rule.most,
        }
    }
}
