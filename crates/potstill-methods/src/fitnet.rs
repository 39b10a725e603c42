//! **FitNet**: hints from the teacher's features.
//!
//! Romero, Ballas, Kahou, Chassang, Gatta and Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015. A 1x1 convolution takes the student's
//! map to the teacher's channels, and the mean squared error of both is added to the task's loss from the first step on: one stage, as later work has it, where
//! the paper trains the hint first. For detectors it is also called mimic.

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, Moment, Part, PlanContext, Reads, StepContext,
    StudentEpoch, TeacherLook,
    entry::ALL,
    levels::{Aligners, Levels, Named, summed},
};

settings! {
    /// The options of FitNet in a recipe.
    struct Options {
        /// Points of the student, shallow to deep; empty for the outputs of its pyramid, or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid, or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: FitNet::NAME,
    about: "maps follow the teacher's through a 1x1 convolution (hints, mimic)",
    group: Group::Maps,
    paper: "FitNets: Hints for Thin Deep Nets",
    year: 2015,
    source: "Romero, Ballas, Kahou, Chassang, Gatta, Bengio 2015, arXiv 1412.6550",
    needs: "one map of each, or those of a pyramid; trains a regressor",
    cost: "one convolution",
    weight: "100",
    tasks: ALL,
    limits: "",
    keys: FitNet::KEYS,
    plan: |spec, context| Ok(Box::new(FitNet::plan(spec, context)?)),
};

/// Hints, planned for two networks.
#[derive(Debug, Clone)]
pub struct FitNet {
    levels: Levels,
    regressors: Aligners,
}

impl FitNet {
    /// The name in recipes.
    pub const NAME: &'static str = "fitnet";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the hints: finds the levels, with a convolution for each.
    ///
    /// # Errors
    /// No teacher, points that are not there or do not pair up.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let named = Named {
            student: &options.student_points,
            teacher: &options.teacher_points,
        };
        let levels = Levels::plan(Self::NAME, context, named)?;
        let regressors = Aligners::everywhere(&levels, &context.scope());
        Ok(Self { levels, regressors })
    }
}

impl Method for FitNet {
    fn reads(&self, _: StudentEpoch) -> Reads {
        self.levels.reads()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.regressors)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.regressors)]
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let maps = self.levels.aligned(&self.regressors, step, pass)?;
        let value = summed(maps.into_iter().map(|[ours, theirs]| hint_loss(ours, theirs)))?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}

/// The mean squared error of a map and its target, both `[N, H, W, C]`. A tensor with one element.
pub fn hint_loss(map: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    (map - target).powi_scalar(2).mean()
}
