//! **DKD**: decoupled knowledge distillation.
//!
//! Zhao, Cui, Song, Qiu and Liang, "Decoupled Knowledge Distillation", CVPR 2022. The divergence of KD falls apart into that of the true
//! class against all others (target), and that among the others (non-target), which KD weighs by how unsure the teacher is. Here each has a
//! weight of its own ([`decoupled_divergences`]).

use burn::tensor::{Int, Tensor, activation::log_softmax};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::{Rows, is_column, log_of_others, without_column};

use crate::{
    Group, MethodEntry, MethodError, PlanContext,
    entry::BUT_MULTI_LABEL,
    levels::is_dense,
    logits::{self, LogitLoss, true_classes},
};

settings! {
    /// The options of DKD in a recipe.
    struct Dkd {
        /// T: how much both distributions are softened.
        temperature: Option<f64> [above(0.0)] = without "4 for images with one class, 1 for dense tasks" like 4.0,
        /// The weight of the true class against all others.
        alpha: f64 [at_least(0.0)] = default 1.0,
        /// The weight of the others among themselves.
        beta: Option<f64> [at_least(0.0)] = without "8 for images with one class, 0.25 for dense tasks" like 8.0,
        /// Epochs over which the weight grows linearly from the first on, full from the last of them on; 0 for the full weight from the start.
        ramp_epochs: Option<usize> = without "20 for images with one class, 0 for dense tasks" like 20,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024). The authors then have a weight of 9 to 18, and T = 2 or 3.
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Dkd::NAME,
    about: "the true class and the others among themselves follow the teacher's, each by a weight of its own",
    group: Group::Logits,
    paper: "Decoupled Knowledge Distillation",
    year: 2022,
    source: "Zhao, Cui, Song, Qiu, Liang 2022, arXiv 2203.08679",
    needs: "logits and labels",
    cost: "none",
    weight: "1, with `beta` 2 to 8 by the pair, at T = 4",
    usual_weight: Some(1.0),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Dkd::KEYS,
    plan: logits::plan::<Dkd>,
};

/// The weight of the others among themselves: that of most published pairs for images with one class; for rows of dense tasks it is our design.
pub(crate) fn usual_beta(context: &PlanContext) -> f64 {
    if is_dense(context.task) { 0.25 } else { 8.0 }
}

impl LogitLoss for Dkd {
    const NAME: &'static str = "dkd";
    const CLASSES: Option<&'static str> = Some("the true class is told from the others");

    fn settle(self, _: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let dense = is_dense(context.task);
        Ok(Self {
            temperature: self.temperature.or(Some(if dense { 1.0 } else { 4.0 })),
            beta: self.beta.or(Some(usual_beta(context))),
            ramp_epochs: self.ramp_epochs.or(Some(if dense { 0 } else { 20 })),
            ..self
        })
    }

    fn standardises(&self) -> bool {
        self.standardise
    }

    fn temperature(&self) -> f64 {
        self.temperature.unwrap_or(4.0)
    }

    fn ramp(&self) -> usize {
        self.ramp_epochs.unwrap_or_default()
    }

    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        let classes = true_classes(rows, Self::NAME)?;
        let temperature = LogitLoss::temperature(self);
        let [target, others] = decoupled_divergences(rows.logits.clone(), teacher, classes, temperature);
        Ok(rows.mean(target) * self.alpha + rows.mean(others) * self.beta.unwrap_or(8.0))
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
