//! **DIST**: distillation from a stronger teacher.
//!
//! Huang, You, Wang, Qian and Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022, equations 8 to 10. Not the probabilities
//! themselves are to be equal but their correlation is to be 1: of each row over the classes (`inter`), and of each class over the rows of
//! the batch (`intra`).

use burn::tensor::Tensor;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::Rows;

use crate::{
    Group, MethodEntry, MethodError, PlanContext,
    entry::BUT_MULTI_LABEL,
    levels::is_dense,
    logits::{self, LogitLoss, check_exclusive, log_softened},
};

settings! {
    /// The options of DIST in a recipe.
    struct Dist {
        /// T: how much both distributions are softened. The authors have 4 for CIFAR-100 and 1 for ImageNet.
        temperature: Option<f64> [above(0.0)] = without "4 for images with one class, 1 for dense tasks" like 4.0,
        /// The weight of the rows.
        beta: f64 [at_least(0.0)] = default 1.0,
        /// The weight of the classes.
        gamma: f64 [at_least(0.0)] = default 1.0,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Dist::NAME,
    about: "probabilities correlate with the teacher's, of every row and of every class",
    group: Group::Logits,
    paper: "Knowledge Distillation from A Stronger Teacher",
    year: 2022,
    source: "Huang, You, Wang, Qian, Xu 2022, arXiv 2205.10536",
    needs: "logits",
    cost: "none",
    weight: "2 at T = 4",
    usual_weight: Some(2.0),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Dist::KEYS,
    plan: logits::plan::<Dist>,
};

impl LogitLoss for Dist {
    const NAME: &'static str = "dist";

    fn settle(self, _: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let usual = if is_dense(context.task) { 1.0 } else { 4.0 };
        Ok(Self {
            temperature: self.temperature.or(Some(usual)),
            ..self
        })
    }

    fn standardises(&self) -> bool {
        self.standardise
    }

    fn temperature(&self) -> f64 {
        self.temperature.unwrap_or(4.0)
    }

    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        check_exclusive(rows, Self::NAME)?;
        let temperature = LogitLoss::temperature(self);
        let both = [rows.logits.clone(), teacher].map(|logits| log_softened(logits, temperature).exp());
        let classes = both[0].dims()[1];
        let of_rows = correlations(both.clone(), 1, None).reshape([-1]);
        let weights = rows.weights.clone().map(|weights| weights.unsqueeze_dim::<2>(1));
        let of_classes = correlations(both, 0, weights.as_ref()).reshape([classes]);
        let inter = rows.mean(-of_rows + 1.0);
        // Where no row counts, classes say nothing either.
        let counts = rows
            .weights
            .as_ref()
            .map(|weights| weights.clone().sum().greater_elem(0.0).float());
        let intra = (-of_classes + 1.0).mean();
        let intra = match counts {
            Some(counts) => intra.clone() * counts.cast(intra.dtype()),
            None => intra,
        };
        Ok((inter * self.beta + intra * self.gamma) * (temperature * temperature))
    }
}

/// What is added to the product of both norms.
const EPSILON: f64 = 1e-8;
/// How small the squares of what varies must be beside all squares for a row to count as constant: the digits of single precision.
const CONSTANT: f64 = 1e-13;

/// Pearson's correlation of both over this dimension, with weights of the rows `[R, 1]`; what does not vary in the student has correlation
/// 0, a constant.
fn correlations(both: [Tensor<2>; 2], over: usize, weights: Option<&Tensor<2>>) -> Tensor<2> {
    let weighted = |values: Tensor<2>| match weights {
        Some(weights) => values.clone() * weights.clone().cast(values.dtype()),
        None => values,
    };
    let count = match weights {
        Some(weights) => weights.clone().sum().clamp_min(1e-12).reshape([1, 1]),
        None => Tensor::full([1, 1], both[0].dims()[over] as f64, &both[0].device().inner()),
    };
    let count = count.cast(both[0].dtype());
    let squares = |values: &Tensor<2>| weighted(values.clone().powi_scalar(2)).sum_dim(over);
    let all = squares(&both[0]).inner() * CONSTANT;
    let [ours, theirs] = both.map(|values| {
        let mean = weighted(values.clone()).sum_dim(over) * count.clone().recip();
        values - mean
    });
    let [own, other] = [squares(&ours), squares(&theirs)];
    let is_constant = own.clone().inner().lower_equal(all);
    let norms = (own.mask_fill(is_constant.clone(), 1.0).sqrt() * other.sqrt()) + EPSILON;
    let correlation = weighted(ours * theirs).sum_dim(over) * norms.recip();
    correlation.mask_fill(is_constant, 0.0)
}
