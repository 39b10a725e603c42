//! **ICKD**: inter-channel correlation.
//!
//! Liu, Huang, Lin, Xie, Wang, Chang and Liang, "Exploring Inter-Channel Correlation for Diversity-preserved Knowledge Distillation", ICCV
//! 2021, equations 4 and 5 (ICKD-C). Which channels go together in an image, by the products of their maps, is a row for each channel,
//! brought to length 1; the student's, behind a 1x1 convolution with batch norm, follow the teacher's. Maps need not have the same size.

use burn::tensor::Tensor;
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Embedding, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, places, summed, unit},
};

settings! {
    /// The options of ICKD in a recipe.
    struct Options {
        /// Points of the student, shallow to deep; empty for its last map.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its last map.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "ickd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "channels go together as the teacher's do",
    group: Group::Maps,
    paper: "Exploring Inter-Channel Correlation for Diversity-preserved Knowledge Distillation",
    year: 2021,
    source: "Liu, Huang, Lin, Xie, Wang, Chang, Liang 2021, arXiv 2202.03680",
    needs: "the last map; trains a 1x1 convolution with batch norm",
    cost: "one 1x1 convolution, and the square of the teacher's channels an image",
    weight: "2.5",
    usual_weight: Some(2.5),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// ICKD, planned for two networks.
struct Ickd {
    embeddings: PerLevel<Embedding>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::LastMap)?;
    let embeddings = PerLevel::of(&levels, &context.scope(), |level, scope| {
        let [inputs, outputs] = level.channels;
        let conv = Conv2d::uniform(Conv2dConfig::new(inputs, outputs, 1), 1.0, &scope.at("conv"));
        Embedding::of(conv, scope)
    });
    Ok(OfMaps::boxed(levels, Ickd { embeddings }))
}

/// Which channels of a map `[N, H, W, C]` go together, `[N, C, C]`, a row of length 1 for each.
fn correlations(map: Tensor<4>) -> Tensor<3> {
    let places = places(map);
    unit(places.clone().swap_dims(1, 2).matmul(places), 2)
}

impl MapLoss for Ickd {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        summed(self.embeddings.beside(maps).map(|([ours, theirs], embedding)| {
            let [n, _, _, channels] = theirs.dims();
            let ours = embedding.forward(ours, pass);
            let gap = correlations(ours) - correlations(theirs);
            gap.powi_scalar(2).sum() * (1.0 / (n * channels) as f64)
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.embeddings)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.embeddings)
    }
}
