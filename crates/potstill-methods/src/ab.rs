//! **AB**: activation boundaries.
//!
//! Heo, Lee, Yun and Choi, "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden Neurons", AAAI 2019, equation 6. Before their activation, maps of the student
//! are to be on the same side of 0 as the teacher's, by a margin, whatever their amounts. It is published as a first stage in which the student learns nothing else; the task's loss comes after it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Parameters, Pass, Scope};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, Regressor, StepContext, StudentEpoch,
    entry::ALL,
    levels::{FirstStage, Level, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, summed},
};

settings! {
    /// The options of AB in a recipe.
    struct Options {
        /// How far from 0 the student is to be.
        margin: f64 [above(0.0)] = default 1.0,
        /// Epochs from the first on in which nothing else counts, and after which this does not; 0 for all epochs, beside the task's loss. The authors have 30.
        stage1_epochs: usize = default 0,
        /// Points of the student, shallow to deep, before their activation (`layer1.2:pre`); empty for the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "ab";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "maps before their activation are on the same side of 0 as the teacher's",
    group: Group::Maps,
    paper: "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden Neurons",
    year: 2019,
    source: "Heo, Lee, Yun, Choi 2019, arXiv 1811.03233",
    needs: "maps of all stages before their activation; trains a convolution with batch norm for each whose width or size differs",
    cost: "one convolution a map, in the first stage",
    weight: "1, with `stage1_epochs = 30`",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "maps whose sizes a convolution can make equal",
    keys: Options::KEYS,
    plan,
};

/// What all levels together are multiplied with.
const SCALE: f64 = 3.0 / 1000.0;

/// AB, planned for two networks.
struct Ab {
    margin: f64,
    stage: FirstStage,
    connectors: PerLevel<Connector>,
}

/// What takes the student's map to the teacher's channels and size; nothing where both are equal.
#[derive(Module, Debug)]
struct Connector {
    regressor: Option<Regressor>,
}

impl Connector {
    fn new(level: &Level, scope: &Scope) -> Self {
        let ([ours, theirs], [inputs, outputs]) = (level.sizes, level.channels);
        let is_equal = ours == theirs && inputs == outputs;
        let scope = scope.at("regressor");
        Self {
            regressor: (!is_equal).then(|| Regressor::new(level.channels, level.sizes, &scope)),
        }
    }
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::BeforeActivation)?;
    let unequal = levels.iter().find(|level| !Regressor::meets(level.sizes));
    if let Some(level) = unequal {
        return Err(MethodError::Sizes {
            method: NAME,
            student: (level.student.to_string(), level.sizes[0]),
            teacher: (level.teacher.to_string(), level.sizes[1]),
        });
    }
    let loss = Ab {
        margin: options.margin,
        stage: FirstStage::plan(NAME, options.stage1_epochs, Some(30), context)?,
        connectors: PerLevel::of(&levels, &context.scope(), Connector::new),
    };
    Ok(OfMaps::boxed(levels, loss))
}

impl MapLoss for Ab {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let deepest = maps.len().saturating_sub(1);
        let levels = self.connectors.beside(maps).enumerate();
        summed(levels.map(|(level, ([ours, theirs], connector))| {
            let ours = match &connector.regressor {
                Some(regressor) => regressor.normed(ours, pass),
                None => ours,
            };
            self.beyond_boundaries(ours, &theirs) * (SCALE * 0.5_f64.powi((deepest - level) as i32))
        }))
    }

    fn stage(&self) -> FirstStage {
        self.stage
    }

    fn rests(&self, epoch: StudentEpoch) -> bool {
        self.stage.is_over(epoch)
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.connectors)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.connectors)
    }
}

impl Ab {
    /// The squares of how far a map `[N, H, W, C]` lacks to be on the teacher's side by the margin, summed, mean over the images.
    fn beyond_boundaries(&self, map: Tensor<4>, target: &Tensor<4>) -> Tensor<1> {
        let images = map.dims()[0].max(1) as f64;
        let at = map.clone().inner();
        let is_on = target.clone().greater_elem(0.0);
        let is_off = is_on.clone().bool_not();
        let lacks_off = is_off.bool_and(at.clone().greater_elem(-self.margin));
        let lacks_on = is_on.bool_and(at.lower_equal_elem(self.margin));
        let squares = |gap: Tensor<4>, counts: Tensor<4, burn::tensor::Bool>| {
            gap.powi_scalar(2).mask_fill(counts.bool_not(), 0.0).sum()
        };
        let sum = squares(map.clone() + self.margin, lacks_off) + squares(map - self.margin, lacks_on);
        sum * (1.0 / images)
    }
}
