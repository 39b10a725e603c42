//! **DML**: deep mutual learning.
//!
//! Zhang, Xiang, Hospedales and Lu, "Deep Mutual Learning", CVPR 2018, equations 3 to 6. Two networks learn together from the same batches, and each follows what the other says, which is a constant
//! to it: `CE(z_1) + KL(p_2 || p_1)` and `CE(z_2) + KL(p_1 || p_2)`. The teacher of the recipe is the peer; it starts without weights. Both say it in one forward pass.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, PlanContext, StepContext, TargetNeed,
    TeacherUpdate, TeacherUse,
    entry::CLASSIFIERS,
    logits::{check_rows, divergences, log_softened},
};

settings! {
    /// The options of DML in a recipe.
    struct Dml {
        /// T: how much both distributions are softened; the divergence is not multiplied with its square.
        temperature: f64 [above(0.0)] = default 1.0,
    }
}

const NAME: &str = "dml";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "two networks learn together, and each follows what the other says",
    group: Group::Schemes,
    paper: "Deep Mutual Learning",
    year: 2018,
    source: "Zhang, Xiang, Hospedales, Lu 2018, arXiv 1706.00384",
    needs: "logits of a peer that trains beside the student, from scratch, and labels",
    cost: "forward and backward of the peer",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: CLASSIFIERS,
    limits: "",
    keys: Dml::KEYS,
    plan: |spec, context| Ok(Box::new(Dml::plan(spec, context)?)),
};

impl Dml {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options = spec.options()?;
        check_rows(NAME, context)?;
        context.teacher_of_same_classes(NAME)?;
        Ok(options)
    }

    /// How far logits `[N, K]` are from those of the other network, a constant.
    fn follow(&self, logits: Tensor<2>, other: Tensor<2>) -> Tensor<1> {
        let [own, other] = [logits, other.inner()].map(|logits| log_softened(logits, self.temperature));
        divergences(own, other).mean()
    }
}

impl Method for Dml {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::Trained(TeacherUpdate::Online),
            targets: Some(TargetNeed::class("its peer learns from them")),
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let (ours, theirs) = (step.student.logits()?, step.teacher().logits()?);
        let mut terms = vec![LossTerm::loss(step.id, self.follow(ours.clone(), theirs))];
        // Without a graph where another entry has it updated first: it has learned from the batch then.
        if let Some(peer) = step.teacher().tracked() {
            let value = self.follow(peer.logits()?, ours);
            terms.push(LossTerm::loss(format!("{}.peer", step.id), value));
        }
        Ok(terms)
    }
}
