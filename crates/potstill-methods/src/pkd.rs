//! **PKD**: features by their Pearson correlation.
//!
//! Cao, Li, Kong, Zhang and Ding, "PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient",
//! NeurIPS 2022. Both maps are brought to mean 0 and deviation 1, channel by channel, and half the mean squared error of them is one
//! minus their correlation ([`correlation_loss`]): the size of the features, which differs from detector to detector, does not count.

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Aligners, Levels, MapLoss, Named, OfMaps, Pair, Usual, resized, summed},
    logits::standardised,
};

settings! {
    /// The options of PKD in a recipe.
    struct Options {
        /// Which map is resized where they differ in size.
        resize: Resized = default "student",
        /// Points of the student, shallow to deep; empty for the outputs of its pyramid, or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid, or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// Which map is resized.
    enum Resized {
        /// The student's, to the teacher's size.
        Student = "student",
        /// The teacher's, to the student's size.
        Teacher = "teacher",
    }
}

const NAME: &str = "pkd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "channels correlate with the teacher's, whatever their size",
    group: Group::Maps,
    paper: "PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient",
    year: 2022,
    source: "Cao, Li, Kong, Zhang, Ding 2022, arXiv 2207.02039",
    needs: "maps",
    cost: "none, or a 1x1 convolution where widths differ",
    weight: "6 for two-stage detectors, 10 for others",
    usual_weight: Some(6.0),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// Distillation by correlation, planned for two networks.
struct Pkd {
    resize: Resized,
    aligners: Aligners,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Stages)?;
    let loss = Pkd {
        resize: options.resize,
        aligners: Aligners::where_needed(&levels, &context.scope()),
    };
    Ok(OfMaps::boxed(levels, loss))
}

impl MapLoss for Pkd {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        summed(maps.into_iter().enumerate().map(|(level, [ours, theirs])| {
            let ours = self.aligners.forward(level, ours, pass);
            let [one, other] = match self.resize {
                Resized::Student => resized(ours, theirs),
                Resized::Teacher => resized(theirs, ours),
            };
            correlation_loss(one, other)
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.aligners)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.aligners)
    }
}

/// What is added to a deviation before something is divided by it.
const EPSILON: f64 = 1e-6;

/// Half the mean squared error of a map and its target, `[N, H, W, C]`, each channel brought to mean 0 and deviation 1 over all images
/// and places (the deviation unbiased, plus 1e-6): one minus the mean of the channels' correlations, times `(n - 1) / n` for `n` values
/// a channel. A tensor with one element.
///
/// A channel without variation counts as 0, a constant: what it is divided by would make its gradient a million times too large. A map of
/// one value a channel has no deviation and gives 0.
pub fn correlation_loss(map: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let [n, h, w, c] = map.dims();
    if n * h * w < 2 {
        return (map * 0.0).sum();
    }
    let standard = |map: Tensor<4>| standardised(map.reshape([n * h * w, c]), 0, EPSILON);
    (standard(map) - standard(target)).powi_scalar(2).mean() * 0.5
}
