//! What a recipe can say about TSKD.

use potstill_recipe::{MethodSpec, RecipeError};
use serde::Deserialize;

use super::attention_map::MapNorm;

/// The options of TSKD in a recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in a recipe"
)]
pub(super) struct Options {
    /// Epochs from node to node; none for a 48th of the training.
    pub interval: Option<usize>,
    /// Students that are remembered before a review.
    pub snapshots: usize,
    /// The weight of the divergence of the logits.
    pub kl_weight: f64,
    /// How much both distributions are softened.
    pub temperature: f64,
    /// The weight of the review.
    pub review_weight: f64,
    /// What attention maps are divided by.
    pub attention: MapNorm,
    /// Channels before the encoder and behind the forecaster.
    pub features: usize,
    /// Channels of the state at each tap; empty for 64 where the map has 32 rows, else 32.
    pub hidden: Vec<usize>,
    /// Learned peepholes.
    pub peepholes: bool,
    /// How the batch norms of remembered students run.
    pub snapshot_batch_norm: BatchNorms,
    /// Where a teacher's stage is read.
    pub teacher_tap: TeacherTap,
    /// Cuts the path by which the student learns from a review.
    pub detach_target: bool,
    /// Cuts the student's path by the last increment.
    pub detach_current: bool,
    /// Weight decay and momentum go on between the reviews.
    pub decay_between_reviews: bool,
    /// Points of the student, shallow to deep; empty for its stem and first two stages, after activation.
    pub student_points: Vec<String>,
    /// Points of the teacher, as many; empty for its stem, and its first two stages at `teacher_tap`.
    pub teacher_points: Vec<String>,
}

/// By which statistics batch norms normalise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BatchNorms {
    /// The batch's.
    Batch,
    /// The running ones.
    Running,
}

/// Which side of a stage's last activation is read from a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TeacherTap {
    /// Before it.
    Pre,
    /// After it.
    Post,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: None,
            snapshots: 3,
            kl_weight: 1.0,
            temperature: 4.0,
            review_weight: 1.0,
            attention: MapNorm::Column,
            features: 8,
            hidden: Vec::new(),
            peepholes: false,
            snapshot_batch_norm: BatchNorms::Batch,
            teacher_tap: TeacherTap::Pre,
            detach_target: false,
            detach_current: false,
            decay_between_reviews: false,
            student_points: Vec::new(),
            teacher_points: Vec::new(),
        }
    }
}

impl Options {
    /// The options of a recipe's entry, every number in its range.
    pub fn read(spec: &MethodSpec) -> Result<Self, RecipeError> {
        let options: Self = spec.options_as()?;
        let counts = [
            ("interval", options.interval.unwrap_or(1)),
            ("snapshots", options.snapshots),
            ("features", options.features),
            ("hidden", options.hidden.iter().copied().min().unwrap_or(1)),
        ];
        for (key, count) in counts {
            if count == 0 {
                return Err(spec.wrong(key, "must be at least 1"));
            }
        }
        let most = options.hidden.iter().copied().max().unwrap_or(1);
        for (key, count, limit) in [
            ("interval", options.interval.unwrap_or(1), 1 << 20),
            ("snapshots", options.snapshots, 1 << 10),
            ("features", options.features, 1 << 14),
            ("hidden", most, 1 << 14),
        ] {
            spec.at_most(key, count, limit)?;
        }
        let weights = [
            ("kl_weight", options.kl_weight),
            ("review_weight", options.review_weight),
        ];
        for (key, weight) in weights {
            spec.not_negative(key, weight)?;
        }
        spec.positive("temperature", options.temperature)?;
        Ok(options)
    }
}
