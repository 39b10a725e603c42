//! **PKD**: features by their Pearson correlation.
//!
//! Cao, Li, Kong, Zhang and Ding, "PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient",
//! NeurIPS 2022. Both maps are brought to mean 0 and deviation 1, channel by channel, and half the mean squared error of them is one
//! minus their correlation ([`correlation_loss`]): the size of the features, which differs from detector to detector, does not count.

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, Moment, Part, PlanContext, Reads, StepContext,
    StudentEpoch, TeacherLook,
    entry::ALL,
    levels::{Aligners, Levels, Named, summed},
    logits::standardised,
};

settings! {
    /// The options of PKD in a recipe.
    struct Options {
        /// Points of the student, shallow to deep; empty for the outputs of its pyramid, or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid, or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Pkd::NAME,
    about: "channels correlate with the teacher's, whatever their size",
    group: Group::Maps,
    paper: "PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient",
    year: 2022,
    source: "Cao, Li, Kong, Zhang, Ding 2022, arXiv 2207.02039",
    needs: "maps",
    cost: "none, or a 1x1 convolution where widths differ",
    weight: "6 for two-stage detectors, 10 for others",
    tasks: ALL,
    limits: "",
    keys: Pkd::KEYS,
    plan: |spec, context| Ok(Box::new(Pkd::plan(spec, context)?)),
};

/// Distillation by correlation, planned for two networks.
#[derive(Debug, Clone)]
pub struct Pkd {
    levels: Levels,
    aligners: Aligners,
}

impl Pkd {
    /// The name in recipes.
    pub const NAME: &'static str = "pkd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the comparison: finds the levels, with a convolution where their channels differ.
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
        let aligners = Aligners::where_needed(&levels, &context.scope());
        Ok(Self { levels, aligners })
    }
}

impl Method for Pkd {
    fn reads(&self, _: StudentEpoch) -> Reads {
        self.levels.reads()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.aligners)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.aligners)]
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let maps = self.levels.aligned(&self.aligners, step, pass)?;
        let value = summed(
            maps.into_iter()
                .map(|[ours, theirs]| correlation_loss(ours, theirs)),
        )?;
        Ok(vec![LossTerm::loss(step.id, value)])
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
