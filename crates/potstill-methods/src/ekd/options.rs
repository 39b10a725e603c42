//! The options of EKD, and the blocks that they pair.

use potstill_ops::Point;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};
use potstill_tasks::TaskKind;

use super::imitation::ImitationLoss;
use crate::{
    MethodError, NetworkInfo, PlanContext, Reads,
    levels::{Named, OneSide, is_dense, is_pyramid, is_segmenter, named_or_three},
};

/// What a recipe calls the method.
pub(super) const NAME: &str = "ekd";

settings! {
    /// The options of EKD in a recipe.
    pub(super) struct Options {
        /// What becomes of the teacher.
        pub teacher_mode: TeacherMode = default "evolving",
        /// How many pairs of blocks, counted from the deepest.
        pub pairs: Option<usize> [at_least(1.0)] = without "as many as both networks have" like 3,
        /// Points of the student, shallow to deep; empty for the ends of its stages, or the levels of its pyramid at strides 8, 16 and
        /// 32. A list that is longer than the teacher's usual ones is cut from the shallow end.
        pub student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages, or the levels of its pyramid.
        pub teacher_points: Vec<String> = default [],
        /// What stands between the teacher's block and the comparison.
        pub gm_teacher: Option<GuideKind> = without "module, for dense tasks identity" like "module",
        /// The common width of all pairs.
        pub gm_width: Option<usize> [at_least(1.0).at_most(16384.0).because("more would not fit in memory")]
            = without "that of the student's block" like 64,
        /// Whether the heads' losses train the teacher's blocks too (deep supervision).
        pub aux_grad_to_backbone: bool = default false,
        /// The weight of the softened logits.
        pub alpha: Option<f64> [at_least(0.0)] = without "1, for detectors 0" like 1.0,
        /// The weight of the imitation of intermediate maps.
        pub beta: f64 [at_least(0.0)] = default 1.0,
        /// The weight of the heads of the teacher's halves.
        pub eta: f64 [at_least(0.0)] = default 1.0,
        /// tau: how much both distributions are softened.
        pub temperature: Option<f64> [above(0.0)] = without "4, for segmenters 1" like 4.0,
        /// How maps are compared.
        pub ir_loss: ImitationLoss = default "mse",
        /// Epochs over which `alpha` and `beta` grow linearly from 0, which they are in the first; 0 for the
        /// full weights from the start.
        pub transfer_warmup_epochs: usize = default 0,
        /// When the teacher's update comes.
        pub update_order: UpdateOrder = default "simultaneous",
    }
}

choice! {
    /// What becomes of the teacher.
    pub(super) enum TeacherMode {
        /// It starts from random weights and trains beside the student.
        Evolving = "evolving",
        /// It trains on beside the student from `teacher.weights` or `teacher.run`.
        EvolvingFromCheckpoint = "evolving-from-checkpoint",
        /// It is trained and stays as it is: the control experiment.
        Frozen = "frozen",
    }
}

choice! {
    /// What stands between the teacher's block and the comparison.
    pub(super) enum GuideKind {
        /// A guided half with a head, which tells the class of the image.
        Module = "module",
        /// Nothing: the student's half imitates the block's own map.
        Identity = "identity",
    }
}

choice! {
    /// When the teacher's update comes.
    pub(super) enum UpdateOrder {
        /// Both networks move after the same forward passes.
        Simultaneous = "simultaneous",
        /// The teacher and its halves move, look at the images again, and the student learns from what they
        /// see then.
        TeacherFirst = "teacher-first",
    }
}

/// How the class scores follow the teacher's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    /// The weight. At 0 the divergence is only logged.
    pub alpha: f64,
    /// How much both distributions are softened.
    pub temperature: f64,
}

impl Options {
    /// The options of a recipe's entry.
    ///
    /// # Errors
    /// Options that are not what their table says, or contradict each other.
    pub(super) fn read(spec: &MethodSpec, task: TaskKind) -> Result<Self, MethodError> {
        let options: Self = spec.options()?;
        let identity = options.guide(task) == GuideKind::Identity;
        if is_dense(task) && !identity {
            let problem = format!(
                "is `module`, whose head tells the class of a whole image, and the task is `{task}`: leave it out"
            );
            return Err(spec.invalid_option("gm_teacher", problem).into());
        }
        if identity && options.gm_width.is_some() {
            let problem =
                "does nothing beside `gm_teacher = \"identity\"`: the width is that of the teacher's blocks";
            return Err(spec.invalid_option("gm_width", problem).into());
        }
        let frozen = options.teacher_mode == TeacherMode::Frozen;
        if options.aux_grad_to_backbone && (identity || frozen) {
            let problem = "needs a teacher that evolves and `gm_teacher = \"module\"`: the heads' losses are to train its blocks";
            return Err(spec.invalid_option("aux_grad_to_backbone", problem).into());
        }
        if options.update_order == UpdateOrder::TeacherFirst && frozen {
            let problem = "needs a teacher that evolves: a frozen one has no update that could come first";
            return Err(spec.invalid_option("update_order", problem).into());
        }
        Ok(options)
    }

    /// What stands between the teacher's block and the comparison.
    pub(super) fn guide(&self, task: TaskKind) -> GuideKind {
        let usual = if is_dense(task) {
            GuideKind::Identity
        } else {
            GuideKind::Module
        };
        self.gm_teacher.unwrap_or(usual)
    }

    /// How the class scores follow the teacher's. Those of detectors do only if they are asked to: they stand beside each other in
    /// detectors of one kind only.
    pub(super) fn transfer(&self, task: TaskKind) -> Option<Transfer> {
        let usual = if is_pyramid(task) { 0.0 } else { 1.0 };
        let alpha = self.alpha.unwrap_or(usual);
        let softened = if is_segmenter(task) { 1.0 } else { 4.0 };
        let is_noted = alpha > 0.0 || !is_pyramid(task);
        is_noted.then_some(Transfer {
            alpha,
            temperature: self.temperature.unwrap_or(softened),
        })
    }

    /// Whether the mode fits a teacher that starts from trained weights, or from random ones.
    pub(super) fn check_teacher(&self, has_weights: bool) -> Result<(), MethodError> {
        let reason = match (self.teacher_mode, has_weights) {
            (TeacherMode::Evolving, true) => {
                "grows a teacher from random weights (`teacher_mode = \"evolving\"`), and this one has weights: say `evolving-from-checkpoint` \
                 or `frozen`, or leave out `teacher.weights`; what `teacher.onnx` or `teacher.run` names always has some"
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
        let method = NAME;
        Err(MethodError::Teacher { method, reason })
    }

    /// The points of both networks, pair by pair, shallow to deep.
    pub(super) fn paired_points(
        &self,
        spec: &MethodSpec,
        context: &PlanContext,
        teacher: &NetworkInfo,
    ) -> Result<Reads, MethodError> {
        let named = Named {
            student: &self.student_points,
            teacher: &self.teacher_points,
        };
        let Reads {
            student: mut own,
            teacher: mut other,
        } = named_or_three(NAME, context, (teacher, |end| &end.post), named, |one| {
            blocks(context.task, one)
        })?;
        let are_both_named = !named.student.is_empty() && !named.teacher.is_empty();
        if are_both_named && own.len() != other.len() {
            return Err(MethodError::Unpaired {
                method: NAME,
                student: own.len(),
                teacher: other.len(),
            });
        }
        let most = own.len().min(other.len());
        let pairs = self.pairs.unwrap_or(most);
        if pairs > most {
            let problem = format!("is {pairs}, and there are {most} blocks to pair");
            return Err(spec.invalid_option("pairs", problem).into());
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

/// The ends of the network's stages behind their last activation; in a network whose blocks begin with their batch norm, behind that and its
/// activation.
fn blocks(task: TaskKind, one: OneSide<'_>) -> Result<Vec<Point>, MethodError> {
    match one.info.spatial_ends(task) {
        [] => Err(one.no_stages(NAME)),
        stages => Ok(stages.iter().map(|end| Point::post(&*end.pre.path)).collect()),
    }
}
