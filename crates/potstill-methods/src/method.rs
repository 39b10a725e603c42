//! What all methods have in common, and the roles that some have besides.

use burn::tensor::{Int, Tensor};
use potstill_ops::{Insertion, Parameters, Pass, Point, Taps};

use crate::{Augmentation, Memory, MethodError, Preparation};

/// The points that a method reads from each network, besides the logits.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Points of the student.
    pub student: Vec<Point>,
    /// Points of the teacher.
    pub teacher: Vec<Point>,
}

/// What one network did with the batch.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// The images as the network took them, normalised, `[N, H, W, C]`, on the plain device.
    pub images: Tensor<4>,
    /// `[N, K]`.
    pub logits: Tensor<2>,
    /// The maps that were asked for.
    pub taps: Taps,
}

/// One training step, as a method sees it.
pub struct StepContext<'a> {
    /// The student, tracked.
    pub student: &'a NetworkOutput,
    /// The teacher, on the plain device: a constant, whether it trains or not.
    pub teacher: Option<&'a NetworkOutput>,
    /// The same pass of a teacher that trains beside the student, tracked. None for a frozen one.
    pub online_teacher: Option<&'a NetworkOutput>,
    /// Class indices `[N]`.
    pub labels: &'a Tensor<1, Int>,
    /// The student's epoch, from 0.
    pub epoch: usize,
}

/// One term of the loss, or a number to be logged beside it.
#[derive(Debug, Clone)]
pub struct LossTerm {
    /// The name in logs and metrics.
    pub name: &'static str,
    /// A tensor with one element.
    pub value: Tensor<1>,
    /// The method's own factor at this moment (a ramp), besides the weight in the recipe; none for a number that is only
    /// logged, which nothing learns from.
    pub factor: Option<f64>,
}

impl LossTerm {
    /// A term that is learned from.
    pub fn loss(name: &'static str, value: Tensor<1>) -> Self {
        let factor = Some(1.0);
        Self { name, value, factor }
    }

    /// The same with a factor of the method's own.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let factor = self.factor.map(|_| factor);
        Self { factor, ..self }
    }

    /// A number that is only logged.
    pub fn metric(name: &'static str, value: Tensor<1>) -> Self {
        Self {
            name,
            value,
            factor: None,
        }
    }
}

/// What becomes of the teacher during the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TeacherUpdate {
    /// It stays as it is.
    #[default]
    Frozen,
    /// It learns the task itself, from the same batches, beside the student. It is never moved by the student's loss.
    Online,
    /// The same, one update ahead: it moves in every step before the student looks at it, at the cost of a second forward pass.
    OnlineFirst,
}

/// A distillation method, planned for two networks.
///
/// Besides its loss it may play roles that the training loop knows: modules that train with the student or with the teacher, a
/// [`Memory`] from epoch to epoch, a [`Preparation`] before the first step, an [`Augmentation`] that learns in rounds of its own.
pub trait Method: Send {
    /// Its name in the registry.
    fn name(&self) -> &'static str;

    /// Everything it reads at some time.
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// What it reads in this epoch of the student, from 0.
    fn reads_in(&self, _epoch: usize) -> Reads {
        self.reads()
    }

    /// What becomes of the teacher.
    fn teacher_update(&self) -> TeacherUpdate {
        TeacherUpdate::Frozen
    }

    /// Whether it can learn from a teacher that starts from trained weights, or from random ones.
    ///
    /// # Errors
    /// [`MethodError::Teacher`] with the reason why not.
    fn check_teacher(&self, _has_weights: bool) -> Result<(), MethodError> {
        Ok(())
    }

    /// The modules that it trains beside the student, if it has any. They never reach the deployed student.
    fn modules(&self) -> Option<&dyn Parameters> {
        None
    }

    /// The same, to be trained.
    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        None
    }

    /// The layers that it puts into the student. They are part of it from then on and are deployed with it.
    fn insertions(&self) -> Vec<Insertion> {
        Vec::new()
    }

    /// The modules that it trains beside an online teacher, by the teacher's optimiser.
    fn teacher_modules(&self) -> Option<&dyn Parameters> {
        None
    }

    /// The same, to be trained.
    fn teacher_modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        None
    }

    /// What it remembers from epoch to epoch.
    fn memory(&self) -> Option<&dyn Memory> {
        None
    }

    /// The same, to be changed.
    fn memory_mut(&mut self) -> Option<&mut dyn Memory> {
        None
    }

    /// The work that it has to do before the first step.
    fn preparation(&mut self) -> Option<&mut dyn Preparation> {
        None
    }

    /// The images that it makes of the batch.
    fn augmentation(&self) -> Option<&dyn Augmentation> {
        None
    }

    /// The same, to be trained.
    fn augmentation_mut(&mut self) -> Option<&mut dyn Augmentation> {
        None
    }

    /// What a teacher that moves first ([`TeacherUpdate::OnlineFirst`]), tracked, and the modules beside it learn from besides the task. It
    /// is not asked of others: theirs are among the [`terms`](Self::terms).
    fn teacher_terms(
        &self,
        _teacher: &NetworkOutput,
        _labels: &Tensor<1, Int>,
        _pass: &mut Pass<'_>,
    ) -> Vec<LossTerm> {
        Vec::new()
    }

    /// The loss terms of one step. The method's own modules run in `pass`.
    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Vec<LossTerm>;
}
