//! **FSP**: the flow of a solution procedure.
//!
//! Yim, Joo, Bae and Kim, "A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and Transfer Learning", CVPR 2017, equations 1 and 2. How the channels of one map go together with
//! those of the next says how a network comes from one to the other; the student's products follow the teacher's. It is published as a first stage in which the student learns nothing else.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext, StudentEpoch, at_the_smaller_size,
    entry::ALL,
    levels::{FirstStage, Levels, MapLoss, Named, OfMaps, Pair, Usual, places, summed},
};

settings! {
    /// The options of FSP in a recipe.
    struct Options {
        /// Epochs from the first on in which nothing else counts, and after which this does not; 0 for all epochs, beside the task's loss. The authors have a stage of its own; 30 in the published
        /// comparisons.
        stage1_epochs: usize = default 0,
        /// Points of the student, shallow to deep, two or more; empty for its stem and the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many and as wide; empty for its stem and the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "fsp";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "how channels of each map go together with the next map's follows the teacher's",
    group: Group::Maps,
    paper: "A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and Transfer Learning",
    year: 2017,
    source: "Yim, Joo, Bae, Kim 2017, CVPR",
    needs: "maps of the stem and of all stages, of equal widths",
    cost: "a product of all channels with all channels a pair of maps, in the first stage",
    weight: "1, with `stage1_epochs = 30`",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "networks of equal widths",
    keys: Options::KEYS,
    plan,
};

/// FSP, planned for two networks.
struct Fsp {
    stage: FirstStage,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::StemAndStages)?;
    if levels.iter().len() < 2 {
        return Err(MethodError::OneLevel(NAME));
    }
    let unequal = levels.iter().find(|level| level.channels[0] != level.channels[1]);
    if let Some(level) = unequal {
        return Err(MethodError::Widths {
            method: NAME,
            what: "channels",
            points: [level.student.to_string(), level.teacher.to_string()],
            widths: level.channels,
        });
    }
    let stage = FirstStage::plan(NAME, options.stage1_epochs, Some(30), context)?;
    Ok(OfMaps::boxed(levels, Fsp { stage }))
}

/// How the channels of a map go together with those of the next, `[N, C', C]`, mean over the places of the smaller one.
fn flow(map: Tensor<4>, next: Tensor<4>) -> Tensor<3> {
    let (map, next) = at_the_smaller_size(map, next);
    let [map, next] = [map, next].map(places);
    let count = map.dims()[1].max(1) as f64;
    next.swap_dims(1, 2).matmul(map) * (1.0 / count)
}

impl MapLoss for Fsp {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        let pairs = maps.windows(2).map(|pair| {
            let [[ours, theirs], [our_next, their_next]] = [pair[0].clone(), pair[1].clone()];
            (flow(ours, our_next) - flow(theirs, their_next))
                .powi_scalar(2)
                .mean()
        });
        summed(pairs)
    }

    fn stage(&self) -> FirstStage {
        self.stage
    }

    fn rests(&self, epoch: StudentEpoch) -> bool {
        self.stage.is_over(epoch)
    }
}
