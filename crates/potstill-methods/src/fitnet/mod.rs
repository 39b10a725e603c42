//! **FitNet**: hints from the teacher's features.
//!
//! Romero, Ballas, Kahou, Chassang, Gatta and Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3. A regressor takes the student's map to the teacher's channels and size, and the mean squared error of both is
//! added to the task's loss from the first step on: one stage, as later work has it, where the paper trains the hint first. For detectors it is also called mimic.

mod regressor;

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

pub use self::regressor::Regressor;
use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext, StudentEpoch,
    entry::ALL,
    levels::{
        Aligners, FirstStage, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, at_one_size, by_level,
        is_dense, summed,
    },
};

settings! {
    /// The options of FitNet in a recipe.
    struct Options {
        /// What takes the student's map to the teacher's channels.
        regressor: Option<Kind> = without "`conv-bn-relu` for images with one class or several, `conv` for dense tasks" like "conv",
        /// Epochs from the first on in which nothing else counts, and after which this does not, as in the paper; 0 for all epochs, beside the task's loss, as in the published comparisons.
        stage1_epochs: usize = default 0,
        /// Points of the student, shallow to deep; empty for the end of its second stage, or for dense tasks the ends of its stages or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the end of its second stage, or for dense tasks the ends of its stages or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// What takes the student's map to the teacher's channels.
    enum Kind {
        /// A convolution that meets the teacher's size as well, batch norm and ReLU, as the published comparisons have it.
        ConvNormRelu = "conv-bn-relu",
        /// A 1x1 convolution; maps are resized.
        Conv = "conv",
    }
}

const NAME: &str = "fitnet";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "maps follow the teacher's through a convolution (hints, mimic)",
    group: Group::Maps,
    paper: "FitNets: Hints for Thin Deep Nets",
    year: 2015,
    source: "Romero, Ballas, Kahou, Chassang, Gatta, Bengio 2015, arXiv 1412.6550",
    needs: "one map of each, or those of a pyramid; trains a regressor",
    cost: "one convolution a map",
    weight: "100",
    usual_weight: Some(100.0),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// Hints, planned for two networks.
struct FitNet {
    stage: FirstStage,
    modules: Modules,
}

/// What takes the student's maps to the teacher's.
enum Modules {
    /// The regressors of the published comparisons.
    Regressed(PerLevel<Regressor>),
    /// 1x1 convolutions.
    Aligned(Aligners),
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let (usual, kind) = if is_dense(context.task) {
        (Usual::Stages, Kind::Conv)
    } else {
        (Usual::Hint, Kind::ConvNormRelu)
    };
    let levels = Levels::plan(NAME, context, named, usual)?;
    let scope = context.scope();
    let modules = match options.regressor.unwrap_or(kind) {
        Kind::Conv => Modules::Aligned(Aligners::everywhere(&levels, &scope)),
        Kind::ConvNormRelu => Modules::Regressed(PerLevel::of(&levels, &scope, |level, scope| {
            Regressor::new(level.channels, level.sizes, scope)
        })),
    };
    let stage = FirstStage::plan(NAME, options.stage1_epochs, None, context)?;
    Ok(OfMaps::boxed(levels, FitNet { stage, modules }))
}

impl MapLoss for FitNet {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        match &self.modules {
            Modules::Aligned(aligners) => by_level(aligners.aligned(maps, pass), |[ours, theirs]| {
                hint_loss(ours, theirs)
            }),
            Modules::Regressed(regressors) => {
                summed(regressors.beside(maps).map(|([ours, theirs], regressor)| {
                    let [ours, theirs] = at_one_size([regressor.forward(ours, pass), theirs]);
                    hint_loss(ours, theirs)
                }))
            }
        }
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(match &self.modules {
            Modules::Regressed(modules) => modules,
            Modules::Aligned(modules) => modules,
        })
    }

    fn stage(&self) -> FirstStage {
        self.stage
    }

    fn rests(&self, epoch: StudentEpoch) -> bool {
        self.stage.is_over(epoch)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(match &mut self.modules {
            Modules::Regressed(modules) => modules,
            Modules::Aligned(modules) => modules,
        })
    }
}

/// The mean squared error of a map and its target, both `[N, H, W, C]`. A tensor with one element.
pub fn hint_loss(map: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    (map - target).powi_scalar(2).mean()
}
