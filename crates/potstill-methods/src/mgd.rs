//! **MGD**: masked generative distillation.
//!
//! Yang, Li, Shao, Shi, Yuan and Yuan, "Masked Generative Distillation", ECCV 2022. Places of the student's map are erased, the same in
//! every channel, or for images whole channels, and two 3x3 convolutions make the teacher's whole map of the rest ([`Generator`]): what the
//! student keeps must tell what is missing. The loss is the sum of the squared errors, divided by the number of images
//! ([`summed_squares`]).

use burn::{
    module::Module,
    tensor::{Tensor, TensorData, activation::relu},
};
use potstill_models::DetectorKind;
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, Scope};
use potstill_random::Seed;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Aligners, Levels, MapLoss, Named, OfMaps, Pair, Usual, is_dense, is_segmenter, summed},
};

settings! {
    /// The options of MGD in a recipe.
    struct Options {
        /// alpha: what the sum of the squared errors is multiplied with, besides the weight.
        alpha: Option<f64> [at_least(0.0)]
            = without "7e-5 for images with one class or several, 5e-7 for two-stage detectors, 2e-5 for any other network" like 2e-5,
        /// lambda: the share of what is erased.
        erased: Option<f64> [at_least(0.0).below(1.0).because("nothing would be left to learn from")]
            = without "0.15 for images with one class or several, 0.75 for segmenters, 0.45 for two-stage detectors, 0.65 for any other network" like 0.45,
        /// What is erased together.
        mask: Option<Mask> = without "`channel` for images with one class or several, `position` for dense tasks" like "position",
        /// Points of the student, shallow to deep; empty for its last map, or for dense tasks the outputs of its pyramid or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its last map, or for dense tasks the outputs of its pyramid or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// What is erased together.
    pub enum Mask {
        /// A channel of an image, in all places.
        Channel = "channel",
        /// A place of an image, in all channels.
        Position = "position",
    }
}

const NAME: &str = "mgd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "the teacher's maps are made of what is left of erased ones",
    group: Group::Maps,
    paper: "Masked Generative Distillation",
    year: 2022,
    source: "Yang, Li, Shao, Shi, Yuan, Yuan 2022, arXiv 2205.01529",
    needs: "the last map, or those of a pyramid; trains a generator for each",
    cost: "two 3x3 convolutions a map",
    weight: "1: `alpha` has the published size",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// Masked generation, planned for two networks.
struct Mgd {
    alpha: f64,
    erased: f64,
    mask: Mask,
    modules: Modules,
    seed: Seed,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    align: Aligners,
    generation: Vec<Generator>,
}

/// What the published recipes for such networks have: the usual points, alpha, lambda and the mask.
fn usual(context: &PlanContext) -> (Usual, f64, f64, Mask) {
    match context.student_kind() {
        _ if !is_dense(context.task) => (Usual::LastMap, 7e-5, 0.15, Mask::Channel),
        Some(DetectorKind::Regions) => (Usual::Stages, 5e-7, 0.45, Mask::Position),
        _ if is_segmenter(context.task) => (Usual::Stages, 2e-5, 0.75, Mask::Position),
        _ => (Usual::Stages, 2e-5, 0.65, Mask::Position),
    }
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let (points, alpha, erased, mask) = usual(context);
    let levels = Levels::plan(NAME, context, named, points)?;
    let scope = context.scope();
    let outputs = levels.iter().map(|level| level.channels[1]).enumerate();
    let generators = outputs.map(|(level, c)| Generator::new(c, &scope.at("generation").at(level)));
    let modules = Modules {
        generation: generators.collect(),
        align: Aligners::where_needed(&levels, &scope.at("align")),
    };
    let loss = Mgd {
        alpha: options.alpha.unwrap_or(alpha),
        erased: options.erased.unwrap_or(erased),
        mask: options.mask.unwrap_or(mask),
        modules,
        seed: context.seed,
    };
    Ok(OfMaps::boxed(levels, loss))
}

impl Mask {
    /// 1 for what is kept and 0 for what is erased of a map of this shape `[N, H, W, C]`: `[N, 1, 1, C]` or `[N, H, W, 1]`, as `keep` says
    /// one by one.
    pub fn kept(self, map: &Tensor<4>, mut keep: impl FnMut() -> bool) -> Tensor<4> {
        let [n, h, w, c] = map.dims();
        let shape = match self {
            Self::Channel => [n, 1, 1, c],
            Self::Position => [n, h, w, 1],
        };
        let kept: Vec<_> = (0..shape.iter().product()).map(|_| f32::from(keep())).collect();
        Tensor::from_data(TensorData::new(kept, shape), (&map.device().inner(), map.dtype()))
    }
}

impl MapLoss for Mgd {
    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let maps = self.modules.align.aligned(maps, pass);
        let levels = maps.into_iter().zip(&self.modules.generation).enumerate();
        let sum = summed(levels.map(|(level, ([ours, theirs], generator))| {
            let counters = [step.context.counters[0], step.context.counters[1], level as u64];
            let mut stream = self.seed.stream(&format!("{}.erase", step.id), &counters);
            let kept = self.mask.kept(&ours, || !stream.chance(self.erased));
            summed_squares(generator.forward(ours * kept, pass), theirs)
        }))?;
        Ok(sum * self.alpha)
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.modules)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.modules)
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
