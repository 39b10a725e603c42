//! **SRRL**: softmax regression representation learning.
//!
//! Yang, Martinez, Bulat and Tzimiropoulos, "Knowledge Distillation via Softmax Regression Representation Learning", ICLR 2021. A connector takes the student's last map to the
//! teacher's channels. Its mean follows the teacher's embedding, and what the teacher's classifier, which stays as it is, says of it follows the teacher's logits: what does not
//! matter to the classifier matters less.

use burn::{
    module::Module,
    tensor::{Tensor, activation::relu},
};
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, global_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, HeadUse, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Embedding, Levels, MapLoss, OfMaps, Pair, embeddings, last_map, summed},
};

settings! {
    /// The options of SRRL in a recipe.
    struct Options {
        /// The weight of the logits beside the embedding. Others have 5 on CIFAR-100.
        regression_weight: f64 [at_least(0.0)] = default 1.0,
        /// Where the connector stands.
        variant: Variant = default "authors",
        /// The student's last map; its mean is taken.
        student_point: Option<String> = without "the map that its classifier reads" like "layer3.2",
    }
}

choice! {
    /// Where the connector stands.
    enum Variant {
        /// Before the mean over all places, as in the authors' program.
        Authors = "authors",
        /// Behind it, as in the toolbox of SimKD: batch norm over the images alone.
        Pooled = "pooled",
    }
}

const NAME: &str = "srrl";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "the embedding, through a connector, follows the teacher's, and so does what the teacher's classifier says of it",
    group: Group::Maps,
    paper: "Knowledge Distillation via Softmax Regression Representation Learning",
    year: 2021,
    source: "Yang, Martinez, Bulat, Tzimiropoulos 2021, ICLR",
    needs: "last maps and the teacher's classifier, linear behind a mean; trains a 1x1 convolution with batch norm",
    cost: "one 1x1 convolution",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: IMAGES,
    limits: "teachers whose classifier is linear behind a mean",
    keys: Options::KEYS,
    plan,
};

/// SRRL, planned for two networks.
struct Srrl {
    regression_weight: f64,
    variant: Variant,
    modules: Modules,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    connector: Embedding,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let head = context.teacher_head(NAME)?;
    context.teacher_of_same_classes(NAME)?;
    let student = last_map(NAME, context, options.student_point.as_ref())?;
    let levels = Levels::at(NAME, context, [&student, &head.map])?;
    let scope = context.scope().at("connector");
    let channels = levels
        .iter()
        .map(|level| level.channels)
        .next()
        .unwrap_or_default();
    let config = Conv2dConfig::new(channels[0], channels[1], 1);
    let conv = match options.variant {
        Variant::Authors => Conv2d::he_normal_fan_out(config, &scope.at("conv")),
        Variant::Pooled => Conv2d::uniform(config, 1.0, &scope.at("conv")),
    };
    let loss = Srrl {
        regression_weight: options.regression_weight,
        variant: options.variant,
        modules: Modules {
            connector: Embedding::of(conv, &scope),
        },
    };
    Ok(OfMaps::boxed(levels, loss))
}

impl Srrl {
    /// The student's map with the teacher's channels.
    fn connected(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let map = match self.variant {
            Variant::Authors => map,
            Variant::Pooled => global_avg_pool(map),
        };
        relu(self.modules.connector.forward(map, pass))
    }
}

impl MapLoss for Srrl {
    fn heads(&self) -> HeadUse {
        HeadUse::Teacher
    }

    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let head = step.teacher().head()?;
        summed(maps.into_iter().map(|[ours, theirs]| {
            let [ours, theirs] = embeddings([self.connected(ours, pass), theirs]);
            let feature = (ours.clone() - theirs.clone()).powi_scalar(2).mean();
            let regression = (head.logits(ours) - head.logits(theirs)).powi_scalar(2).mean();
            feature + regression * self.regression_weight
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.modules)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.modules)
    }
}
