//! Losses of maps: what they have in common.
//!
//! A loss of maps sees pairs of them, level by level, and may have modules that train beside the student ([`MapLoss`]). Which points are read, and that the
//! teacher's heads need not run, is said here for each.

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass, global_avg_pool};

use super::{FirstStage, Levels, summed};
use crate::{
    Event, HeadUse, LossTerm, Method, MethodError, MethodInfo, Moment, Part, Reads, StepContext,
    StudentEpoch, StudentStep, TargetNeed, TeacherLook, TeacherUse, at_the_smaller_size,
};

/// The maps of a level, `[N, H, W, C]`: the student's, and the teacher's beside it.
pub(crate) type Pair = [Tensor<4>; 2];

/// A loss of pairs of maps.
pub(crate) trait MapLoss: Send {
    /// The loss of the levels' maps, shallow to deep. Its modules run in `pass`. A tensor with one element.
    ///
    /// # Errors
    /// Targets of another kind, no level.
    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError>;

    /// What it needs of the targets.
    fn targets(&self) -> Option<TargetNeed> {
        None
    }

    /// What it needs of the teacher.
    fn teacher(&self) -> TeacherUse {
        TeacherUse::One
    }

    /// What has to be said of it before the first step.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whose last classifiers it reads.
    fn heads(&self) -> HeadUse {
        HeadUse::None
    }

    /// The first stage, in which it has the student for itself.
    fn stage(&self) -> FirstStage {
        FirstStage::default()
    }

    /// Whether it has no loss in an epoch.
    fn rests(&self, _epoch: StudentEpoch) -> bool {
        false
    }

    /// The factor of an epoch.
    fn factor(&self, _epoch: StudentEpoch) -> f64 {
        1.0
    }

    /// What trains beside the student.
    fn modules(&self) -> Option<&dyn Parameters> {
        None
    }

    /// The same, to be changed.
    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        None
    }

    /// Called after every update of the modules.
    fn updated(&mut self) {}
}

/// A loss of maps, planned.
pub(crate) struct OfMaps<L> {
    /// Where the maps are read.
    pub levels: Levels,
    /// What is made of them.
    pub loss: L,
}

impl<L: MapLoss + 'static> OfMaps<L> {
    /// The loss of maps at these levels.
    pub fn boxed(levels: Levels, loss: L) -> Box<dyn Method> {
        Box::new(Self { levels, loss })
    }
}

impl<L: MapLoss> OfMaps<L> {
    fn notes(&self) -> Vec<String> {
        let stage = self.loss.stage().note();
        let notes = [self.levels.notes(), self.loss.notes()].concat();
        notes.into_iter().chain(stage).collect()
    }
}

impl<L: MapLoss> Method for OfMaps<L> {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: self.loss.teacher(),
            targets: self.loss.targets(),
            notes: self.notes(),
            alone_epochs: self.loss.stage().epochs(),
            heads: self.loss.heads(),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, epoch: StudentEpoch) -> Reads {
        if self.loss.rests(epoch) {
            return Reads::default();
        }
        self.levels.reads()
    }

    fn teacher_at(&self, at: Moment) -> TeacherLook {
        if self.loss.rests(at.epoch) {
            return TeacherLook::Nothing;
        }
        TeacherLook::Maps
    }

    fn student_terms(&self, step: &StudentStep<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        if self.loss.rests(step.at.epoch) {
            return Ok(Vec::new());
        }
        Err(MethodError::NoLoss("student_terms"))
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        self.loss
            .modules()
            .map(Part::beside_student)
            .into_iter()
            .collect()
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        let modules = self.loss.modules_mut();
        modules.map(Part::beside_student).into_iter().collect()
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<(), MethodError> {
        if let Event::StepEnd { .. } = event {
            self.loss.updated();
        }
        Ok(())
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = self.loss.loss(self.levels.pairs(step)?, step, pass)?;
        let term = LossTerm::loss(step.id, value);
        Ok(vec![term.scaled(self.loss.factor(step.at.epoch))])
    }
}

/// The sum over the levels of a loss of each.
///
/// # Errors
/// No level.
pub(crate) fn by_level(
    maps: Vec<Pair>,
    loss: impl FnMut(Pair) -> Tensor<1>,
) -> Result<Tensor<1>, MethodError> {
    summed(maps.into_iter().map(loss))
}

/// Both maps at the smaller of their sizes: the larger one is averaged.
pub(crate) fn at_one_size([ours, theirs]: Pair) -> Pair {
    at_the_smaller_size(ours, theirs).into()
}

/// The mean of each map over its places, `[N, C]`: embeddings, where they are pooled already.
pub(crate) fn embeddings(maps: Pair) -> [Tensor<2>; 2] {
    maps.map(|map| {
        let [n, _, _, c] = map.dims();
        global_avg_pool(map).reshape([n, c])
    })
}

/// A map as rows of places, `[N, H W, C]`.
pub(crate) fn places(map: Tensor<4>) -> Tensor<3> {
    let [n, h, w, c] = map.dims();
    map.reshape([n, h * w, c])
}
