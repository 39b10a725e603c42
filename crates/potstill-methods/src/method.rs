//! What all methods have in common.

use potstill_models::Model;
use potstill_ops::{Parameters, Pass, Point};
use serde_json::Value;

use crate::{
    Event, LearnedAugmentation, LossTerm, MethodError, MethodInfo, Moment, Part, PrepareContext, Prepared,
    StepContext, StudentEpoch, StudentStep, TeacherStep,
};

/// The points that a method reads from each network, besides the logits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Points of the student.
    pub student: Vec<Point>,
    /// Points of the teacher.
    pub teacher: Vec<Point>,
}

/// What a method needs of its teacher in a step. The most that any method of a teacher needs is what the teacher does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TeacherLook {
    /// Nothing: [`Method::student_terms`] is the loss of that step. A frozen teacher takes no forward pass.
    Nothing,
    /// The maps at the points of [`Method::reads_at`]. A frozen teacher runs up to its heads only, where the network can.
    Maps,
    /// What it gives, and the maps.
    Outputs,
}

/// A distillation method, planned for two networks.
///
/// A method is a value: its facts ([`info`](Self::info)), what it reads, its loss terms and the tensors that belong to it. It knows
/// neither the task nor the training loop. Only the loss has to be written:
///
/// ```
/// use potstill_methods::{LossTerm, Method, MethodError, StepContext};
/// use potstill_ops::Pass;
///
/// /// The student's logits follow the teacher's, by the mean squared difference.
/// struct LogitMse;
///
/// impl Method for LogitMse {
///     fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
///         let gap = step.student.logits()? - step.teacher().logits()?;
///         Ok(vec![LossTerm::loss(step.id, gap.powi_scalar(2).mean())])
///     }
/// }
/// ```
///
/// Whatever else a method needs it answers one of the other questions, whose defaults say "nothing".
pub trait Method: Send {
    /// Its facts.
    fn info(&self) -> MethodInfo {
        MethodInfo::default()
    }

    /// What it reads in an epoch of the student.
    fn reads(&self, _epoch: StudentEpoch) -> Reads {
        Reads::default()
    }

    /// The same of one step, for methods whose steps differ within an epoch: points of [`reads`](Self::reads) of its epoch, or fewer.
    fn reads_at(&self, at: Moment) -> Reads {
        self.reads(at.epoch)
    }

    /// What it needs of its teacher in this step.
    fn teacher_at(&self, _at: Moment) -> TeacherLook {
        TeacherLook::Outputs
    }

    /// The loss terms of one step. The method's own modules run in `pass`. Asked of a method that has a teacher.
    ///
    /// # Errors
    /// A map that is not there; [`MethodError::NoLoss`] by default.
    fn terms(&self, _step: &StepContext<'_>, _pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        Err(MethodError::NoLoss("terms"))
    }

    /// The same of a method without a teacher ([`TeacherUse::None`](crate::TeacherUse::None)), or in a step in which it does not look at
    /// its teacher.
    ///
    /// # Errors
    /// As [`terms`](Self::terms).
    fn student_terms(
        &self,
        _step: &StudentStep<'_>,
        _pass: &mut Pass<'_>,
    ) -> Result<Vec<LossTerm>, MethodError> {
        Err(MethodError::NoLoss("student_terms"))
    }

    /// What a teacher that is updated first ([`TeacherUpdate::OnlineFirst`](crate::TeacherUpdate::OnlineFirst)) and the modules beside
    /// it learn from besides the task. It is not asked of others: theirs are among the [`terms`](Self::terms).
    ///
    /// # Errors
    /// As [`terms`](Self::terms).
    fn teacher_terms(
        &self,
        _step: &TeacherStep<'_>,
        _pass: &mut Pass<'_>,
    ) -> Result<Vec<LossTerm>, MethodError> {
        Ok(Vec::new())
    }

    /// Takes what its memories keep of a step, if [`MethodInfo::remembers`] says that they do: asked with the same step as [`terms`](Self::terms), once the
    /// losses are known to be numbers and before anything moves.
    ///
    /// # Errors
    /// As [`terms`](Self::terms).
    fn remember(&mut self, _step: &StepContext<'_>, _pass: &mut Pass<'_>) -> Result<(), MethodError> {
        Ok(())
    }

    /// Its tensors, part by part. They never reach the deployed student.
    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        Vec::new()
    }

    /// The same parts in the same order, to be changed.
    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        Vec::new()
    }

    /// What a checkpoint has to hold besides the tensors; null for nothing.
    fn state(&self) -> Value {
        Value::Null
    }

    /// Puts the state of a checkpoint back, and makes room for the tensors that belong to it, with the student as a pattern.
    ///
    /// # Errors
    /// [`MethodError::State`] with the reason why it is not this method's.
    fn load_state(&mut self, _state: Value, _student: &Model) -> Result<(), MethodError> {
        Err(MethodError::State("it keeps none".into()))
    }

    /// Called between steps.
    ///
    /// # Errors
    /// What cannot be done.
    fn on_event(&mut self, _event: &Event<'_>) -> Result<(), MethodError> {
        Ok(())
    }

    /// Does the work before the first step, if [`MethodInfo::prepares`] says that there is some.
    ///
    /// It is asked for at every start and every resumption of a run. What it makes it therefore keeps in the cache, and makes it
    /// again, to the same bits, where that is gone or broken.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn prepare(&mut self, _context: &mut dyn PrepareContext) -> Result<Prepared, MethodError> {
        Ok(Prepared::Done)
    }

    /// The images that it makes of the batch.
    fn augmentation(&self) -> Option<&dyn LearnedAugmentation> {
        None
    }
}
