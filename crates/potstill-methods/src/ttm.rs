//! **TTM** and **WTTM**: transformed teacher matching.
//!
//! Zheng and Yang, "Knowledge Distillation Based on Transformed Teacher Matching", ICLR 2024, equations 12 and 16. Only the teacher is
//! softened, by a power of its probabilities: `KL(q || softmax(student))` with `q` proportional to `p_t^gamma`. Weighted, each row counts
//! by `sum_k p_t,k^gamma`: the smoother the teacher's answer, the more.

use burn::tensor::{Tensor, activation::log_softmax};
use potstill_settings::settings;
use potstill_tasks::Rows;

use crate::{
    Group, MethodEntry, MethodError,
    entry::BUT_MULTI_LABEL,
    logits::{self, LogitLoss, check_exclusive, divergences, log_softened},
};

settings! {
    /// The options of TTM in a recipe.
    struct Ttm {
        /// gamma: the power of the teacher's probabilities; one over the temperature of its logits.
        exponent: f64 [above(0.0).at_most(1.0)] = default 0.1,
        /// Whether each row counts by the sum of these powers: WTTM.
        weighted: bool = default false,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Ttm::NAME,
    about: "the student as it is follows the teacher softened by a power, evenly or by its smoothness",
    group: Group::Logits,
    paper: "Knowledge Distillation Based on Transformed Teacher Matching",
    year: 2024,
    source: "Zheng, Yang 2024, arXiv 2402.11148",
    needs: "logits",
    cost: "none",
    weight: "by the pair: 45 at `exponent = 0.1` for VGG-13 to VGG-8",
    usual_weight: None,
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Ttm::KEYS,
    plan: logits::plan::<Ttm>,
};

impl LogitLoss for Ttm {
    const NAME: &'static str = "ttm";

    fn standardises(&self) -> bool {
        self.standardise
    }

    fn temperature(&self) -> f64 {
        self.exponent.recip()
    }

    fn loss(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        check_exclusive(rows, Self::NAME)?;
        let powers = log_softmax(teacher, 1) * self.exponent;
        let target = log_softmax(powers.clone(), 1);
        let losses = divergences(log_softened(rows.logits.clone(), 1.0), target);
        let losses = if self.weighted {
            losses * powers.exp().sum_dim(1).squeeze_dim::<1>(1)
        } else {
            losses
        };
        Ok(rows.mean(losses))
    }
}
