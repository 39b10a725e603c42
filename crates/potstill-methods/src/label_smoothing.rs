//! **Label smoothing**: the label takes something of its certainty to the other classes.
//!
//! Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7: the
//! cross-entropy with `(1 - epsilon)` of the label and `epsilon / K` for every class. It stands for the task's own loss (`train.task_weight
//! = 0`): a distillation without a teacher, by a teacher that knows nothing but the label.

use burn::tensor::{Int, Tensor};
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, PlanContext, StudentStep, TargetNeed,
    TeacherUse,
    entry::CROSS_ENTROPIES,
    logits::{check_stands_for_task, cross_entropies, log_softened, true_classes},
};

settings! {
    /// The options of label smoothing in a recipe.
    struct LabelSmoothing {
        /// How much of the label's certainty the classes share.
        epsilon: f64 [at_least(0.0).below(1.0)] = default 0.1,
        /// Which classes share it.
        variant: Variant = default "uniform",
    }
}

choice! {
    /// Which classes share what the label gives away.
    enum Variant {
        /// All, the true one among them: epsilon / K each.
        Uniform = "uniform",
        /// All but the true one: epsilon / (K - 1) each.
        OffTarget = "off-target",
    }
}

const NAME: &str = "label-smoothing";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "the label gives something of its certainty to all classes: the bar for what a teacher adds",
    group: Group::TeacherFree,
    paper: "Rethinking the Inception Architecture for Computer Vision",
    year: 2016,
    source: "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, arXiv 1512.00567",
    needs: "labels",
    cost: "none",
    weight: "1 with `task_weight = 0`",
    usual_weight: Some(1.0),
    tasks: CROSS_ENTROPIES,
    limits: "",
    keys: LabelSmoothing::KEYS,
    plan: |spec, context| Ok(Box::new(LabelSmoothing::plan(spec, context)?)),
};

impl LabelSmoothing {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        check_stands_for_task(NAME, context)?;
        Ok(spec.options()?)
    }

    /// The loss of each row, `[R]`.
    fn losses(&self, logits: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
        let count = logits.dims()[1] as f64;
        let log = log_softened(logits, 1.0);
        let hard = cross_entropies(log.clone(), classes);
        let all = -log.sum_dim(1).squeeze_dim::<1>(1);
        let epsilon = self.epsilon;
        match self.variant {
            Variant::Uniform => hard * (1.0 - epsilon) + all * (epsilon / count),
            Variant::OffTarget => hard.clone() * (1.0 - epsilon) + (all - hard) * (epsilon / (count - 1.0)),
        }
    }
}

impl Method for LabelSmoothing {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::None,
            targets: Some(TargetNeed::single_classes("the label is smoothed")),
            ..MethodInfo::default()
        }
    }

    fn student_terms(&self, step: &StudentStep<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = step.summed_own_rows(|rows| {
            let classes = true_classes(&rows, NAME)?;
            Ok(rows.mean(self.losses(rows.logits.clone(), classes)))
        })?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
