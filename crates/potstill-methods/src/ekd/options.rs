//! The options of EKD, and the blocks that they pair.

use potstill_ops::Point;
use potstill_recipe::MethodSpec;
use serde::Deserialize;

use super::{Ekd, imitation::ImitationLoss};
use crate::{MethodError, NetworkInfo, Reads, plan_context::points_named};

/// The options of EKD in a recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// What becomes of the teacher.
    pub teacher_mode: TeacherMode,
    /// How many pairs of blocks, counted from the deepest; as many as both networks have if none.
    pub pairs: Option<usize>,
    /// Points of the student, shallow to deep; empty for the ends of its stages.
    pub student_points: Vec<String>,
    /// Points of the teacher, as many; empty for the ends of its stages.
    pub teacher_points: Vec<String>,
    /// What stands between the teacher's block and the comparison.
    pub gm_teacher: GuideKind,
    /// The common width of all pairs; each student block's own if none.
    pub gm_width: Option<usize>,
    /// Whether the heads' losses reach the teacher's blocks (deep supervision).
    pub aux_grad_to_backbone: bool,
    /// The weight of the softened logits.
    pub alpha: f64,
    /// The weight of the imitation of intermediate maps.
    pub beta: f64,
    /// The weight of the heads of the teacher's halves.
    pub eta: f64,
    /// tau: how much both distributions are softened.
    pub temperature: f64,
    /// How maps are compared.
    pub ir_loss: ImitationLoss,
    /// Epochs over which alpha and beta grow linearly from 0; 0 for the full weights from the start.
    pub transfer_warmup_epochs: usize,
    /// When the teacher's update comes.
    pub update_order: UpdateOrder,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            teacher_mode: TeacherMode::default(),
            pairs: None,
            student_points: Vec::new(),
            teacher_points: Vec::new(),
            gm_teacher: GuideKind::default(),
            gm_width: None,
            aux_grad_to_backbone: false,
            alpha: 1.0,
            beta: 1.0,
            eta: 1.0,
            temperature: 4.0,
            ir_loss: ImitationLoss::default(),
            transfer_warmup_epochs: 0,
            update_order: UpdateOrder::default(),
        }
    }
}

/// What becomes of the teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TeacherMode {
    /// It starts from random weights and trains beside the student.
    #[default]
    Evolving,
    /// The same from trained weights.
    EvolvingFromCheckpoint,
    /// It is trained and stays as it is: the control experiment.
    Frozen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GuideKind {
    /// A guided half with a head.
    #[default]
    Module,
    /// Nothing: the student's half imitates the block's own map.
    Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UpdateOrder {
    /// Both networks move after the same forward passes.
    #[default]
    Simultaneous,
    /// The teacher moves, looks again, and the student learns from what it sees then.
    TeacherFirst,
}

impl Options {
    /// Whether the values make sense.
    pub(super) fn check(&self, spec: &MethodSpec) -> Result<(), MethodError> {
        for (key, value) in [("alpha", self.alpha), ("beta", self.beta), ("eta", self.eta)] {
            spec.not_negative(key, value)?;
        }
        spec.positive("temperature", self.temperature)?;
        for (key, value) in [("pairs", self.pairs), ("gm_width", self.gm_width)] {
            if value == Some(0) {
                return Err(spec.wrong(key, "must be at least 1").into());
            }
        }
        spec.at_most("gm_width", self.gm_width.unwrap_or(1), 1 << 14)?;
        let identity = self.gm_teacher == GuideKind::Identity;
        if identity && self.gm_width.is_some() {
            let problem =
                "does nothing beside `gm_teacher = \"identity\"`: the width is that of the teacher's blocks";
            return Err(spec.wrong("gm_width", problem).into());
        }
        if self.aux_grad_to_backbone && (identity || self.teacher_mode == TeacherMode::Frozen) {
            let problem = "needs a teacher that evolves and `gm_teacher = \"module\"`: the heads' losses are to train its blocks";
            return Err(spec.wrong("aux_grad_to_backbone", problem).into());
        }
        if self.update_order == UpdateOrder::TeacherFirst && self.teacher_mode == TeacherMode::Frozen {
            let problem = "needs a teacher that evolves: a frozen one has no update that could come first";
            return Err(spec.wrong("update_order", problem).into());
        }
        Ok(())
    }

    /// Whether the mode fits a teacher that starts from trained weights, or from random ones.
    pub(super) fn check_teacher(&self, has_weights: bool) -> Result<(), MethodError> {
        let reason = match (self.teacher_mode, has_weights) {
            (TeacherMode::Evolving, true) => {
                "grows a teacher from random weights (`teacher_mode = \"evolving\"`), and this one has weights: leave out \
                 `teacher.weights`, or say `evolving-from-checkpoint` or `frozen`"
            }
            (TeacherMode::EvolvingFromCheckpoint, false) => {
                "is to go on with a trained teacher (`teacher_mode = \"evolving-from-checkpoint\"`), and this one has no weights: set \
                 `teacher.weights`, or say `evolving`"
            }
            (TeacherMode::Frozen, false) => {
                "is to learn from a teacher that stays as it is (`teacher_mode = \"frozen\"`), and this one has random weights: set \
                 `teacher.weights` or `teacher.run`, or say `evolving`"
            }
            _ => return Ok(()),
        };
        let method = Ekd::NAME;
        Err(MethodError::Teacher { method, reason })
    }

    /// The points of both networks, pair by pair, shallow to deep.
    pub(super) fn pairs(
        &self,
        spec: &MethodSpec,
        student: &NetworkInfo,
        teacher: &NetworkInfo,
    ) -> Result<Reads, MethodError> {
        let mut own = blocks(&self.student_points, student, "student", "student_points")?;
        let mut other = blocks(&self.teacher_points, teacher, "teacher", "teacher_points")?;
        let named = !self.student_points.is_empty() && !self.teacher_points.is_empty();
        if named && own.len() != other.len() {
            return Err(MethodError::Unpaired {
                method: Ekd::NAME,
                student: own.len(),
                teacher: other.len(),
            });
        }
        let most = own.len().min(other.len());
        let pairs = self.pairs.unwrap_or(most);
        if pairs > most {
            let problem = format!("is {pairs}, and there are {most} blocks to pair");
            return Err(spec.wrong("pairs", problem).into());
        }
        // From the deepest backwards: it keeps the semantic level where the counts differ.
        own.drain(..own.len() - pairs);
        other.drain(..other.len() - pairs);
        Ok(Reads {
            student: own,
            teacher: other,
        })
    }
}

/// The named points, or the ends of the network's stages behind their last activation; in a network whose blocks begin with
/// their batch norm, behind that and its activation.
fn blocks(
    named: &[String],
    side: &NetworkInfo,
    network: &'static str,
    option: &'static str,
) -> Result<Vec<Point>, MethodError> {
    if named.is_empty() {
        // The last of the ends is the pooled embedding.
        let Some((_, stages)) = side
            .stage_ends
            .split_last()
            .filter(|(_, stages)| !stages.is_empty())
        else {
            let method = Ekd::NAME;
            return Err(MethodError::NoStages {
                method,
                network,
                option,
            });
        };
        return Ok(stages.iter().map(|end| Point::post(&*end.pre.path)).collect());
    }
    points_named(named, Ekd::NAME)
}
