//! **WSLD**: weighted soft labels.
//!
//! Zhou, Song, Chen, Zhou, Wang, Yuan and Zhang, "Rethinking Soft Labels for Knowledge Distillation: A Bias-Variance Tradeoff Perspective",
//! ICLR 2021, equation 9. The cross-entropy with the teacher's softened probabilities, weighted row by row: what the student already knows
//! better than the teacher counts little, `w = 1 - exp(-CE_s / CE_t)` of both cross-entropies with the label. The weight is a constant.

use burn::tensor::Tensor;
use potstill_settings::settings;
use potstill_tasks::Rows;

use crate::{
    Group, MethodEntry, MethodError,
    entry::BUT_MULTI_LABEL,
    logits::{self, LogitLoss, cross_entropies, log_softened, standard_rows, summed_products, true_classes},
};

settings! {
    /// The options of WSLD in a recipe.
    struct Wsld {
        /// T: how much both distributions are softened. The authors have 4 with a weight of 2.25 for CIFAR-100, and 2 with 2.5 for ImageNet.
        temperature: f64 [above(0.0)] = default 4.0,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Wsld::NAME,
    about: "soft labels count by how far the student is from the label, beside the teacher",
    group: Group::Logits,
    paper: "Rethinking Soft Labels for Knowledge Distillation: A Bias-Variance Tradeoff Perspective",
    year: 2021,
    source: "Zhou, Song, Chen, Zhou, Wang, Yuan, Zhang 2021, arXiv 2102.00650",
    needs: "logits and labels",
    cost: "none",
    weight: "2.25 at T = 4; for ImageNet 2.5 at T = 2",
    usual_weight: Some(2.25),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Wsld::KEYS,
    plan: logits::plan::<Wsld>,
};

/// What is added to the teacher's cross-entropy: a teacher that is certain gives a weight of 1.
const EPSILON: f64 = 1e-7;

impl LogitLoss for Wsld {
    const NAME: &'static str = "wsld";
    const READS_BOTH: bool = true;
    const CLASSES: Option<&'static str> =
        Some("soft labels are weighted by how well both networks know the label");

    fn standardises(&self) -> bool {
        self.standardise
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        let classes = true_classes(rows, Self::NAME)?;
        let student = rows.logits.clone();
        let hard = |logits| cross_entropies(log_softened(logits, 1.0), classes.clone());
        let ratio = hard(student.clone().detach()) / (hard(teacher.clone()) + EPSILON);
        let weights = -(-ratio.clamp_min(0.0)).exp() + 1.0;
        // How well a network knows the label is told by its logits as they are.
        let (student, teacher) = if self.standardise {
            let (rows, teacher) = standard_rows(rows.clone(), teacher);
            (rows.logits, teacher)
        } else {
            (student, teacher)
        };
        let soft = |logits| log_softened(logits, self.temperature);
        let losses = -summed_products(soft(teacher).exp(), soft(student));
        Ok(rows.mean(losses * weights) * (self.temperature * self.temperature))
    }
}
