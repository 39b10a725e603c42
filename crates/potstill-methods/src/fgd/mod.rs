//! **FGD**: focal and global distillation.
//!
//! Yang, Li, Jiang, Gong, Yuan, Zhao and Yuan, "Focal and Global Knowledge Distillation for Detectors", CVPR 2022. Features of objects and of the
//! background are compared apart, where and in which channels the teacher attends to them ([`attention`]); so are both attentions; and the relation of every place to
//! the whole image, by a context block on each side ([`ContextBlock`]). Boxes say what is an object ([`BoxMasks`]).

mod attention;
mod box_masks;
mod context_block;
mod loss;

use burn::module::Module;
use potstill_models::DetectorKind;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

pub use self::attention::{Attention, attention};
pub use self::box_masks::BoxMasks;
pub use self::context_block::ContextBlock;
pub use self::loss::{FgdTerms, FgdWeights, fgd_terms};
use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TargetNeed, TeacherLook,
    entry::DETECTORS,
    levels::{Aligners, Levels, Named, summed},
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

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Fgd::NAME,
    about: "features of objects and of the background follow where the teacher attends to them",
    group: Group::Maps,
    paper: "Focal and Global Knowledge Distillation for Detectors",
    year: 2022,
    source: "Yang, Li, Jiang, Gong, Yuan, Zhao, Yuan 2022, arXiv 2111.11837",
    needs: "maps of a pyramid and boxes; trains context blocks",
    cost: "two context blocks a level",
    weight: "1: its terms have the published sizes",
    tasks: DETECTORS,
    limits: "",
    keys: Fgd::KEYS,
    plan: |spec, context| Ok(Box::new(Fgd::plan(spec, context)?)),
};

/// Focal and global distillation, planned for two detectors.
#[derive(Debug, Clone)]
pub struct Fgd {
    temperature: f64,
    weights: FgdWeights,
    levels: Levels,
    modules: Modules,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    align: Aligners,
    student: Vec<ContextBlock>,
    teacher: Vec<ContextBlock>,
}

impl Fgd {
    /// The name in recipes.
    pub const NAME: &'static str = "fgd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the comparison: finds the levels and builds the context blocks, with a convolution where the channels differ.
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
        Ok(Self {
            temperature: options.temperature,
            weights: options.weights(context.student_kind()),
            levels,
            modules,
        })
    }
}

impl Method for Fgd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            targets: Some(TargetNeed::boxes("objects and background are compared apart")),
            ..MethodInfo::default()
        }
    }

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
        let objects = step.targets.objects()?;
        let corners = |corners: &[f32; 4]| corners.map(f64::from);
        let images = objects.images.iter();
        let boxes: Vec<Vec<[f64; 4]>> = images
            .map(|image| image.boxes.iter().map(corners).collect())
            .collect();
        let blocks = self.modules.student.iter().zip(&self.modules.teacher);
        let levels = maps.into_iter().zip(blocks);
        let value = summed(levels.map(|([ours, theirs], blocks)| {
            let masks = BoxMasks::of(&boxes, objects.size, &theirs);
            let terms = fgd_terms([ours, theirs], &masks, blocks, self.temperature, pass);
            terms.weighted(&self.weights)
        }))?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
