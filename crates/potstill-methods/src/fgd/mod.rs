//! **FGD**: focal and global distillation.
//!
//! Yang, Li, Jiang, Gong, Yuan, Zhao and Yuan, "Focal and Global Knowledge Distillation for Detectors", CVPR 2022. Features of objects and of the
//! background are compared apart, where and in which channels the teacher attends to them ([`attention`]); so are both attentions; and the relation of every place to
//! the whole image, by a context block on each side ([`ContextBlock`]). Boxes say what is an object ([`BoxMasks`]).

mod attention;
mod box_masks;
mod context_block;
mod loss;

use burn::{module::Module, tensor::Tensor};
use potstill_models::DetectorKind;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

pub use self::attention::{Attention, attention};
pub use self::box_masks::BoxMasks;
pub use self::context_block::ContextBlock;
pub use self::loss::{FgdTerms, FgdWeights, fgd_terms};
use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext, TargetNeed,
    entry::DETECTORS,
    levels::{Aligners, Levels, MapLoss, Named, OfMaps, Pair, Usual, summed},
};

settings! {
    /// The options of FGD in a recipe.
    struct Options {
        /// T: how much both attentions are softened. The paper has 0.8 for FCOS.
        temperature: f64 [above(0.0)] = default 0.5,
        /// The weight of the features of objects. The paper has 1.6e-3 for FCOS.
        alpha: Option<f64> [at_least(0.0)] = without "1e-3, for two-stage detectors 5e-5" like 1e-3,
        /// The weight of the features of the background. The paper has 8e-4 for FCOS.
        beta: Option<f64> [at_least(0.0)] = without "5e-4, for two-stage detectors 2.5e-5" like 5e-4,
        /// The weight of the attentions. The paper has 8e-4 for FCOS.
        gamma: Option<f64> [at_least(0.0)] = without "5e-4, for two-stage detectors 5e-5" like 5e-4,
        /// The weight of the relation. The paper has 8e-6 for FCOS.
        lambda: Option<f64> [at_least(0.0)] = without "5e-6, for two-stage detectors 5e-7" like 5e-6,
        /// Points of the student, fine to coarse; empty for the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

impl Options {
    /// The weights that are named, or the published ones for this kind of detector.
    fn weights(&self, kind: Option<DetectorKind>) -> FgdWeights {
        let usual = match kind {
            Some(DetectorKind::Regions) => [5e-5, 2.5e-5, 5e-5, 5e-7],
            _ => [1e-3, 5e-4, 5e-4, 5e-6],
        };
        let [alpha, beta, gamma, lambda] = usual;
        FgdWeights {
            objects: self.alpha.unwrap_or(alpha),
            background: self.beta.unwrap_or(beta),
            attention: self.gamma.unwrap_or(gamma),
            relation: self.lambda.unwrap_or(lambda),
        }
    }
}

const NAME: &str = "fgd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "features of objects and of the background follow where the teacher attends to them",
    group: Group::Maps,
    paper: "Focal and Global Knowledge Distillation for Detectors",
    year: 2022,
    source: "Yang, Li, Jiang, Gong, Yuan, Zhao, Yuan 2022, arXiv 2111.11837",
    needs: "maps of a pyramid and boxes; trains context blocks",
    cost: "two context blocks a level",
    weight: "1: its terms have the published sizes",
    usual_weight: Some(1.0),
    tasks: DETECTORS,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// Focal and global distillation, planned for two detectors.
struct Fgd {
    temperature: f64,
    weights: FgdWeights,
    modules: Modules,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    align: Aligners,
    student: Vec<ContextBlock>,
    teacher: Vec<ContextBlock>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Stages)?;
    let scope = context.scope();
    let blocks = |side: &str| {
        let outputs = levels.iter().map(|level| level.channels[1]).enumerate();
        let block = |(level, channels)| ContextBlock::new(channels, &scope.at(side).at(level));
        outputs.map(block).collect()
    };
    let modules = Modules {
        student: blocks("student"),
        teacher: blocks("teacher"),
        align: Aligners::where_needed(&levels, &scope.at("align")),
    };
    let loss = Fgd {
        temperature: options.temperature,
        weights: options.weights(context.student_kind()),
        modules,
    };
    Ok(OfMaps::boxed(levels, loss))
}

impl MapLoss for Fgd {
    fn targets(&self) -> Option<TargetNeed> {
        Some(TargetNeed::boxes("objects and background are compared apart"))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.modules)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.modules)
    }

    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let maps = self.modules.align.aligned(maps, pass);
        let objects = step.targets.objects()?;
        let corners = |corners: &[f32; 4]| corners.map(f64::from);
        let images = objects.images.iter();
        let boxes: Vec<Vec<[f64; 4]>> = images
            .map(|image| image.boxes.iter().map(corners).collect())
            .collect();
        let blocks = self.modules.student.iter().zip(&self.modules.teacher);
        let levels = maps.into_iter().zip(blocks);
        summed(levels.map(|([ours, theirs], blocks)| {
            let masks = BoxMasks::of(&boxes, objects.size, &theirs);
            let terms = fgd_terms([ours, theirs], &masks, blocks, self.temperature, pass);
            terms.weighted(&self.weights)
        }))
    }
}
