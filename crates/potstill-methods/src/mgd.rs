//! **MGD**: masked generative distillation.
//!
//! Yang, Li, Shao, Shi, Yuan and Yuan, "Masked Generative Distillation", ECCV 2022. Places of the student's map are erased, the same in every
//! channel, and two 3x3 convolutions make the teacher's whole map of the rest ([`Generator`]): what the student keeps must tell what is
//! missing. The loss is the sum of the squared errors, divided by the number of images ([`summed_squares`]).

use burn::{
    module::Module,
    tensor::{Tensor, TensorData, activation::relu},
};
use potstill_models::DetectorKind;
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, Scope};
use potstill_random::Seed;
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, Moment, Part, PlanContext, Reads, StepContext,
    StudentEpoch, TeacherLook,
    entry::ALL,
    levels::{Aligners, Levels, Named, is_segmenter, summed},
};

settings! {
    /// The options of MGD in a recipe.
    struct Options {
        /// alpha: what the sum of the squared errors is multiplied with, besides the weight.
        alpha: Option<f64> [at_least(0.0)] = without "2e-5, for two-stage detectors 5e-7" like 2e-5,
        /// lambda: the share of the places that are erased.
        erased: Option<f64> [at_least(0.0).below(1.0).because("nothing would be left to learn from")]
            = without "0.75 for segmenters, 0.45 for two-stage detectors, 0.65 for any other network" like 0.45,
        /// Points of the student, shallow to deep; empty for the outputs of its pyramid, or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid, or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Mgd::NAME,
    about: "the teacher's maps are made of what is left of erased ones",
    group: Group::Maps,
    paper: "Masked Generative Distillation",
    year: 2022,
    source: "Yang, Li, Shao, Shi, Yuan, Yuan 2022, arXiv 2205.01529",
    needs: "the last map, or those of a pyramid; trains a generator for each",
    cost: "two 3x3 convolutions a map",
    weight: "1: `alpha` has the published size",
    tasks: ALL,
    limits: "",
    keys: Mgd::KEYS,
    plan: |spec, context| Ok(Box::new(Mgd::plan(spec, context)?)),
};

/// Masked generation, planned for two networks.
#[derive(Debug, Clone)]
pub struct Mgd {
    alpha: f64,
    erased: f64,
    levels: Levels,
    modules: Modules,
    seed: Seed,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    align: Aligners,
    generation: Vec<Generator>,
}

impl Mgd {
    /// The name in recipes.
    pub const NAME: &'static str = "mgd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the generation: finds the levels and builds a generator for each, with a convolution before it where the channels differ.
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
        let scope = context.scope();
        let outputs = levels.iter().map(|level| level.channels[1]).enumerate();
        let generators = outputs.map(|(level, c)| Generator::new(c, &scope.at("generation").at(level)));
        let modules = Modules {
            generation: generators.collect(),
            align: Aligners::where_needed(&levels, &scope.at("align")),
        };
        let (usual_alpha, usual_share) = match context.student_kind() {
            Some(DetectorKind::Regions) => (5e-7, 0.45),
            _ if is_segmenter(context.task) => (2e-5, 0.75),
            _ => (2e-5, 0.65),
        };
        Ok(Self {
            alpha: options.alpha.unwrap_or(usual_alpha),
            erased: options.erased.unwrap_or(usual_share),
            levels,
            modules,
            seed: context.seed,
        })
    }

    /// 1 for a place that is kept and 0 for one that is erased, `[N, H, W, 1]` for a map of this shape.
    fn kept(&self, step: &StepContext<'_>, level: usize, map: &Tensor<4>) -> Tensor<4> {
        let [n, h, w, _] = map.dims();
        let counters = [step.context.counters[0], step.context.counters[1], level as u64];
        let mut stream = self.seed.stream(&format!("{}.erase", step.id), &counters);
        let keep = (0..n * h * w).map(|_| f32::from(!stream.chance(self.erased)));
        let keep = TensorData::new(keep.collect::<Vec<_>>(), [n, h, w, 1]);
        Tensor::from_data(keep, (&map.device().inner(), map.dtype()))
    }
}

impl Method for Mgd {
    fn reads(&self, _: StudentEpoch) -> Reads {
        self.levels.reads()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.modules)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.modules)]
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let maps = self.levels.aligned(&self.modules.align, step, pass)?;
        let levels = maps.into_iter().zip(&self.modules.generation).enumerate();
        let value = summed(levels.map(|(level, ([ours, theirs], generator))| {
            let kept = self.kept(step, level, &ours);
            summed_squares(generator.forward(ours * kept, pass), theirs)
        }))?;
        Ok(vec![LossTerm::loss(step.id, value * self.alpha)])
    }
}

/// Makes a teacher's map of what is left of the student's: 3x3 convolution, ReLU, 3x3 convolution, with biases, `[N, H, W, C]` to the same.
#[derive(Module, Debug)]
pub struct Generator {
    conv1: Conv2d,
    conv2: Conv2d,
}

impl Generator {
    /// For maps of so many channels, drawn as PyTorch does by default.
    pub fn new(channels: usize, scope: &Scope) -> Self {
        let config = Conv2dConfig::new(channels, channels, 3).with_bias();
        let conv = |name: &str| Conv2d::uniform(config, 1.0, &scope.at(name));
        Self {
            conv1: conv("conv1"),
            conv2: conv("conv2"),
        }
    }

    /// The map that it makes.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let inner = relu(self.conv1.forward(map, pass));
        self.conv2.forward(inner, pass)
    }
}

/// The sum of the squared errors of a map and its target, both `[N, H, W, C]`, divided by N. A tensor with one element.
pub fn summed_squares(map: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let images = map.dims()[0].max(1) as f64;
    (map - target).powi_scalar(2).sum() * (1.0 / images)
}
