//! **DKD**: decoupled knowledge distillation.
//!
//! Zhao, Cui, Song, Qiu and Liang, "Decoupled Knowledge Distillation", CVPR 2022. The divergence of KD falls apart into that of the true class against all
//! others (target), and that among the others (non-target), which KD weighs by how unsure the teacher is. Here each has a weight of its own
//! ([`decoupled_divergences`]).

use burn::tensor::{Int, Tensor, activation::log_softmax};
use potstill_models::DetectorKind;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};
use potstill_tasks::{Probabilities, is_column, log_of_others, without_column};

use crate::{
    LossTerm, Method, MethodError, MethodInfo, PlanContext, StepContext, TargetNeed, TeacherUse,
    levels::{is_dense, summed},
};

settings! {
    /// The options of DKD in a recipe.
    struct Options {
        /// T: how much both distributions are softened.
        temperature: Option<f64> [above(0.0)] = without "4 for images with one class, 1 for dense tasks" like 4.0,
        /// The weight of the true class against all others.
        alpha: f64 [at_least(0.0)] = default 1.0,
        /// The weight of the others among themselves.
        beta: Option<f64> [at_least(0.0)] = without "8 for images with one class, 0.25 for dense tasks" like 8.0,
        /// Epochs over which the weight grows linearly, full from the last of them on; 0 for the full weight from the start.
        ramp_epochs: Option<usize> = without "20 for images with one class, 0 for dense tasks" like 20,
    }
}

/// Decoupled distillation, planned for two networks.
#[derive(Debug, Clone)]
pub struct Dkd {
    temperature: f64,
    alpha: f64,
    beta: f64,
    ramp_epochs: usize,
}

impl Dkd {
    /// The name in recipes.
    pub const NAME: &'static str = "dkd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans DKD: both networks must have the same classes, and each row one of them.
    ///
    /// # Errors
    /// No teacher, other classes, one-stage detectors, whose rows have no true class.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        if let Some(kind) = context
            .student_kind()
            .filter(|kind| *kind != DetectorKind::Regions)
        {
            return Err(MethodError::DetectorKind {
                method: Self::NAME,
                kind,
                reason: "tells the true class of each region from the others",
                cure: "take `kd`, or two-stage detectors",
            });
        }
        context.teacher_of_same_rows(Self::NAME)?;
        let usual = |of_images: f64, dense: f64| if is_dense(context.task) { dense } else { of_images };
        let ramp = usual(20.0, 0.0) as usize;
        Ok(Self {
            temperature: options.temperature.unwrap_or(usual(4.0, 1.0)),
            alpha: options.alpha,
            beta: options.beta.unwrap_or(usual(8.0, 0.25)),
            ramp_epochs: options.ramp_epochs.unwrap_or(ramp),
        })
    }
}

impl Method for Dkd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::OneOrMean,
            targets: Some(TargetNeed::single_classes(
                "the true class is told from the others",
            )),
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let sets = step.rows(self.temperature)?.into_iter().map(|(ours, theirs)| {
            let classes = match (&ours.classes, ours.probabilities) {
                (Some(classes), Probabilities::Softmax) => classes.clone(),
                _ => return Err(MethodError::NoRowClasses(Self::NAME)),
            };
            let logits = ours.logits.clone();
            let [target, others] = decoupled_divergences(logits, theirs, classes, self.temperature);
            Ok(ours.mean(target) * self.alpha + ours.mean(others) * self.beta)
        });
        let value = summed(sets.collect::<Result<Vec<_>, MethodError>>()?.into_iter())?;
        let ramp = step.at.epoch.ramp(self.ramp_epochs);
        Ok(vec![LossTerm::loss(step.id, value).scaled(ramp)])
    }
}

/// The two divergences of each row, `[R]` each, of the student's logits `[R, K]` from the teacher's, both softened by the temperature T and
/// multiplied with its square: of the true class against all others, and of the others among themselves. `classes` are the rows' true classes, `[R]`.
pub fn decoupled_divergences(
    student: Tensor<2>,
    teacher: Tensor<2>,
    classes: Tensor<1, Int>,
    temperature: f64,
) -> [Tensor<1>; 2] {
    let [rows, count] = student.dims();
    let is_true = is_column(classes.clone(), count);
    let true_class = classes.unsqueeze_dim::<2>(1);
    let parts = |logits: Tensor<2>| {
        let logits = logits * (1.0 / temperature);
        let log = log_softmax(logits.clone(), 1);
        let left = log_of_others(log.clone(), is_true.clone());
        let others = log_softmax(without_column(logits, is_true.clone()), 1);
        [log.gather(1, true_class.clone()), left, others]
    };
    let ([ours_true, ours_left, ours], [true_log, left_log, theirs]) = (parts(student), parts(teacher));
    let divergence = |target: Tensor<2>, log: Tensor<2>| target.clone().exp() * (target - log);
    let target = divergence(true_log, ours_true) + divergence(left_log, ours_left);
    let others = divergence(theirs, ours).sum_dim(1);
    [target, others].map(|values| values.reshape([rows]) * (temperature * temperature))
}
