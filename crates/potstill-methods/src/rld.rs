//! **RLD**: knowledge distillation with refined logits.
//!
//! Sun, Chen, Zhang, Wang, Deng, Ning and Wang, "Knowledge Distillation with Refined Logits", 2024. A teacher that errs is not imitated
//! where it does: its confidence in whatever it names is that which the student is to have in the true class (sample confidence), and of
//! the other classes only those are compared that the teacher puts below the true one (masked correlation).

use burn::tensor::{Int, Tensor};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::{Rows, is_column, log_of_others, without_column};

use crate::{
    Group, MethodEntry, MethodError, PlanContext,
    entry::BUT_MULTI_LABEL,
    levels::is_dense,
    logits::{self, LogitLoss, divergences, log_softened, true_classes},
};

settings! {
    /// The options of RLD in a recipe.
    struct Rld {
        /// T: how much the classes below the true one are softened.
        temperature: Option<f64> [above(0.0)] = without "4 for images with one class, 1 for dense tasks" like 4.0,
        /// T of the confidence in the true class; where the authors' program has `same_t`, set it to the `temperature`.
        alpha_temperature: f64 [above(0.0)] = default 1.0,
        /// The weight of the confidence in the true class.
        alpha: f64 [at_least(0.0)] = default 1.0,
        /// The weight of the classes below the true one. The published programs have 8 for CIFAR-100, and 0.5 or 2 for ImageNet at T = 1.
        beta: Option<f64> [at_least(0.0)] = without "8 for images with one class, 0.5 for dense tasks" like 8.0,
        /// Epochs over which the weight grows linearly from the first on; 0 for the full weight from the start.
        ramp_epochs: Option<usize> = without "20 for images with one class, 0 for dense tasks" like 20,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Rld::NAME,
    about: "the teacher's confidence goes to the true class, and only classes that it puts below are compared",
    group: Group::Logits,
    paper: "Knowledge Distillation with Refined Logits",
    year: 2024,
    source: "Sun, Chen, Zhang, Wang, Deng, Ning, Wang 2024, arXiv 2408.07703",
    needs: "logits and labels",
    cost: "none",
    weight: "1, with `beta = 8` at T = 4",
    usual_weight: Some(1.0),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Rld::KEYS,
    plan: logits::plan::<Rld>,
};

impl LogitLoss for Rld {
    const NAME: &'static str = "rld";
    const CLASSES: Option<&'static str> = Some("the teacher is refined by the true class");

    fn settle(self, _: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let dense = is_dense(context.task);
        Ok(Self {
            temperature: self.temperature.or(Some(if dense { 1.0 } else { 4.0 })),
            beta: self.beta.or(Some(if dense { 0.5 } else { 8.0 })),
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
        let count = teacher.dims()[1];
        let student = rows.logits.clone();
        // The class and all others, `[R, 2]`.
        let confidence = |logits: Tensor<2>, classes: Tensor<1, Int>| {
            let log = log_softened(logits, self.alpha_temperature);
            let others = log_of_others(log.clone(), is_column(classes.clone(), count));
            Tensor::cat(vec![log.gather(1, classes.unsqueeze_dim::<2>(1)), others], 1)
        };
        let named = teacher.clone().argmax(1).squeeze_dim::<1>(1);
        let sample = divergences(
            confidence(student.clone(), classes.clone()),
            confidence(teacher.clone(), named),
        );
        let true_logit = teacher.clone().gather(1, classes.unsqueeze_dim::<2>(1));
        let is_left_out = teacher.clone().greater_equal(true_logit.expand(teacher.shape()));
        let temperature = LogitLoss::temperature(self);
        // Where all classes are left out both softmaxes are uniform, and the row contributes nothing.
        let below =
            |logits: Tensor<2>| log_softened(without_column(logits, is_left_out.clone()), temperature);
        let masked = divergences(below(student), below(teacher));
        let [sample_factor, masked_factor] = [self.alpha_temperature, temperature].map(|t| t * t);
        Ok(rows.mean(sample) * (self.alpha * sample_factor)
            + rows.mean(masked) * (self.beta.unwrap_or(8.0) * masked_factor))
    }
}
