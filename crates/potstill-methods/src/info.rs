//! The facts of a method: what a run has to know before its first step.

use potstill_data::TargetKind;
use potstill_ops::Insertion;

use crate::StudentEpoch;

/// The facts of a method. They do not change while it trains.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct MethodInfo {
    /// What it needs of a teacher.
    pub teacher: TeacherUse,
    /// What it needs of the targets; `None` if it does not look at them.
    pub targets: Option<TargetNeed>,
    /// The layers that it puts into the student. They are part of it from then on and are deployed with it.
    pub insertions: Vec<Insertion>,
    /// When its augmentation learns.
    pub rounds: Vec<SearchRound>,
    /// What has to be said of it before the first step, in a line each: what it does otherwise than one would think.
    pub notes: Vec<String>,
    /// How many epochs from the first on it has for itself: neither the task's loss nor that of a method without such counts in them.
    pub alone_epochs: usize,
    /// Whether it has work to do before the first step: [`Method::prepare`](crate::Method::prepare).
    pub prepares: bool,
    /// Whether it remembers something of every step: [`Method::remember`](crate::Method::remember).
    pub remembers: bool,
    /// Whether it looks at a second view of each image: [`StepContext::second`](crate::StepContext::second).
    pub second_view: bool,
    /// Whose last classifiers it reads in its steps.
    pub heads: HeadUse,
    /// Whether the student ends with the teacher's last classifier, which stays as it is, in the place of its own. It is part of it from then on
    /// and is deployed with it.
    pub takes_head: bool,
}

/// Whose last classifier a method reads in a step, as a [`LinearHead`](potstill_models::LinearHead). A plan refuses networks without one:
/// the method asks for it by [`PlanContext::student_head`](crate::PlanContext::student_head) and
/// [`PlanContext::teacher_head`](crate::PlanContext::teacher_head).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeadUse {
    /// Nobody's.
    #[default]
    None,
    /// The teacher's, a constant.
    Teacher,
    /// The teacher's, a constant, and the student's, tracked: a loss moves it.
    Both,
}

/// What a method needs of a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TeacherUse {
    /// No teacher: [`Method::student_terms`](crate::Method::student_terms) is its loss.
    None,
    /// One teacher. It may stay as it is or train, as another method wants it.
    #[default]
    One,
    /// One teacher that stays as it is: the method has read its weights.
    Still,
    /// One teacher, or the mean of several: it reads softened probabilities alone, by
    /// [`StepContext::divergence`](crate::StepContext::divergence).
    OneOrMean,
    /// One teacher that trains.
    Trained(TeacherUpdate),
}

impl TeacherUse {
    /// How the method wants the teacher to train.
    pub fn update(self) -> TeacherUpdate {
        match self {
            Self::Trained(update) => update,
            Self::None | Self::One | Self::Still | Self::OneOrMean => TeacherUpdate::Frozen,
        }
    }
}

/// What a method needs of the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetNeed {
    /// The kinds of target that it can do with.
    pub kinds: &'static [TargetKind],
    /// What it does with them, for the message where the task has others: "its heads are trained by cross-entropy".
    pub reason: &'static str,
}

impl TargetNeed {
    /// The one class of each image.
    pub const fn class(reason: &'static str) -> Self {
        let kinds = &[TargetKind::Class];
        Self { kinds, reason }
    }

    /// The class of each image, or of each pixel.
    pub const fn classes_of_places(reason: &'static str) -> Self {
        let kinds = &[TargetKind::Class, TargetKind::Map];
        Self { kinds, reason }
    }

    /// One class of whatever is told apart: of each image, object or pixel.
    pub const fn single_classes(reason: &'static str) -> Self {
        let kinds = &[
            TargetKind::Class,
            TargetKind::Map,
            TargetKind::Boxes,
            TargetKind::Instances,
        ];
        Self { kinds, reason }
    }

    /// Whatever the task has.
    pub const fn any(reason: &'static str) -> Self {
        let kinds = &[
            TargetKind::Class,
            TargetKind::Classes,
            TargetKind::Map,
            TargetKind::Boxes,
            TargetKind::Instances,
        ];
        Self { kinds, reason }
    }

    /// Where objects are.
    pub const fn boxes(reason: &'static str) -> Self {
        let kinds = &[TargetKind::Boxes, TargetKind::Instances];
        Self { kinds, reason }
    }
}

/// How a teacher trains. Of several wishes the last in this order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TeacherUpdate {
    /// Not at all.
    #[default]
    Frozen,
    /// By the task's own loss, from the same batches, beside the student. The student's loss never moves it.
    Online,
    /// The same, one update ahead: it is updated in every step before the student's forward pass, at the cost of a second forward
    /// pass of its own.
    OnlineFirst,
}

/// Epochs in which an augmentation learns, and the student does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchRound {
    /// It comes before this epoch of the student.
    pub before: StudentEpoch,
    /// How many epochs of the training images it takes.
    pub epochs: usize,
}
