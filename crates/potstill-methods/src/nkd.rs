//! **NKD**: normalised knowledge distillation.
//!
//! Yang, Zeng, Li, Zhang, Yuan and Li, "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss
//! and Customized Soft Labels", ICCV 2023, equation 6. The cross-entropy with the teacher falls apart into the true class, weighted by the
//! teacher's confidence in it, and the others among themselves, brought to a sum of 1 in both networks and softened: `-p_t,y ln p_s,y -
//! gamma T^2 sum_k q_t,k ln q_s,k`.

use burn::tensor::{Int, Tensor};
use potstill_settings::settings;
use potstill_tasks::{Rows, is_column, without_column};

use crate::{
    Group, MethodEntry, MethodError,
    entry::BUT_MULTI_LABEL,
    logits::{self, LogitLoss, cross_entropies, log_softened, summed_products, true_classes},
};

settings! {
    /// The options of NKD in a recipe.
    struct Nkd {
        /// T: how much the classes that are not true are softened. The true class is not.
        temperature: f64 [above(0.0)] = default 1.0,
        /// gamma: the weight of the classes that are not true. The authors have 1.5 at T = 1 for ImageNet and 3.5 at T = 3 for CIFAR-100.
        gamma: f64 [at_least(0.0)] = default 1.5,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Nkd::NAME,
    about: "the true class follows the teacher's confidence in it, and the others theirs among themselves",
    group: Group::Logits,
    paper: "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss and Customized Soft Labels",
    year: 2023,
    source: "Yang, Zeng, Li, Zhang, Yuan, Li 2023, arXiv 2303.13005",
    needs: "logits and labels",
    cost: "none",
    weight: "1, at T = 3 with `gamma = 3.5`; the defaults are those of ImageNet",
    usual_weight: Some(1.0),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Nkd::KEYS,
    plan: logits::plan::<Nkd>,
};

impl LogitLoss for Nkd {
    const NAME: &'static str = "nkd";
    const CLASSES: Option<&'static str> = Some("the true class is told from the others");

    fn standardises(&self) -> bool {
        self.standardise
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        let classes = true_classes(rows, Self::NAME)?;
        let [target, others] =
            normalised_cross_entropies(rows.logits.clone(), teacher, classes, self.temperature);
        Ok(rows.mean(target) + rows.mean(others) * self.gamma)
    }
}

/// The two cross-entropies of each row, `[R]` each, of the student's logits `[R, K]` with the teacher's: of the true class by the teacher's
/// confidence in it, and of the others among themselves, softened by the temperature T and multiplied with its square. `classes` are the rows'
/// true classes, `[R]`.
pub(crate) fn normalised_cross_entropies(
    student: Tensor<2>,
    teacher: Tensor<2>,
    classes: Tensor<1, Int>,
    temperature: f64,
) -> [Tensor<1>; 2] {
    let is_true = is_column(classes.clone(), teacher.dims()[1]);
    let others = |logits| log_softened(without_column(logits, is_true.clone()), temperature);
    let confidence = cross_entropies(log_softened(teacher.clone(), 1.0), classes.clone());
    let target = confidence.neg().exp() * cross_entropies(log_softened(student.clone(), 1.0), classes);
    let rest = -summed_products(others(teacher).exp(), others(student));
    [target, rest * (temperature * temperature)]
}
