//! **PKT**: probabilistic knowledge transfer.
//!
//! Passalis and Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018, equations 4 to 8. How like each
//! image is to every other of the batch, by the cosine of their embeddings, is made a distribution over the batch, and the student's
//! follows the teacher's. Embeddings need not be as wide.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, by_level, embeddings, unit_plus},
};

settings! {
    /// The options of PKT in a recipe.
    struct Pkt {
        /// Points of the student, whose maps are averaged; empty for its pooled embedding.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its pooled embedding.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "pkt";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "each image is as likely beside every other as the teacher's embeddings say",
    group: Group::Relations,
    paper: "Learning Deep Representations with Probabilistic Knowledge Transfer",
    year: 2018,
    source: "Passalis, Tefas 2018, arXiv 1803.10837",
    needs: "embeddings",
    cost: "none",
    weight: "30000",
    usual_weight: Some(30000.0),
    tasks: IMAGES,
    limits: "",
    keys: Pkt::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Pkt = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    Ok(OfMaps::boxed(
        Levels::plan(NAME, context, named, Usual::Embedding)?,
        options,
    ))
}

/// What is added to lengths and probabilities.
const EPSILON: f64 = 1e-7;

impl MapLoss for Pkt {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        by_level(maps, |pair| {
            let [ours, theirs] = embeddings(pair).map(|rows| {
                let rows = unit_plus(rows, 1, EPSILON);
                // A cosine of opposites may be rounded to less than -1, and a share below 0 has no logarithm.
                let alike = ((rows.clone().matmul(rows.transpose()) + 1.0) * 0.5).clamp_min(0.0);
                let sums = alike.clone().sum_dim(1);
                alike * sums.recip()
            });
            let logs = |shares: &Tensor<2>| (shares.clone() + EPSILON).log();
            let gap = logs(&theirs) - logs(&ours);
            (theirs * gap).mean()
        })
    }
}
