//! **USKD**: universal self-knowledge distillation.
//!
//! Yang, Zeng, Li, Zhang, Yuan and Li, "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss
//! and Customized Soft Labels", ICCV 2023, equations 7 to 12: NKD without a teacher. Soft labels are made of the student itself: of the
//! true class by the square of its probability, about 1 in the mean of the batch; of the others by their rank, 1, 1/2, 1/3 and so on
//! (Zipf's law), which a weak classifier on the pooled end of the last stage but one helps to find. As in the authors' program the rank is
//! that of the sum of the weak classifier's probabilities and the student's logarithms of them.

use burn::{
    module::Module,
    tensor::{IndexingUpdateOp, Int, Tensor, TensorData},
};
use potstill_ops::{Linear, Parameters, Pass, Point, global_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::{is_column, without_column};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Part, PlanContext, Reads, StudentEpoch,
    StudentStep, TargetNeed, TeacherUse,
    entry::CLASSIFIERS,
    logits::{check_rows, cross_entropies, log_softened, summed_products},
    plan_context::points_named,
};

settings! {
    /// The options of USKD in a recipe.
    struct Options {
        /// The weight of the true class. The authors have 1 for ImageNet.
        alpha: f64 [at_least(0.0)] = default 0.1,
        /// The weight of the other classes.
        beta: f64 [at_least(0.0)] = default 0.1,
        /// The weight of the weak classifier. The authors have 0.005 for ImageNet.
        mu: f64 [at_least(0.0)] = default 0.1,
        /// The point whose map is averaged for the weak classifier.
        student_point: Option<String> = without "the end of the last stage but one" like "layer2.0",
    }
}

const NAME: &str = "uskd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "soft labels of the student's own: of the true class, and of the others by their rank",
    group: Group::TeacherFree,
    paper: "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss and Customized Soft Labels",
    year: 2023,
    source: "Yang, Zeng, Li, Zhang, Yuan, Li 2023, arXiv 2303.13005",
    needs: "labels and one map of the student; trains a linear layer",
    cost: "none",
    weight: "1; for ImageNet with `alpha = 1`, `mu = 0.005`",
    usual_weight: Some(1.0),
    tasks: CLASSIFIERS,
    limits: "",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(Uskd::plan(spec, context)?)),
};

/// USKD, planned for a student.
struct Uskd {
    options: Options,
    point: Point,
    weak: Weak,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Weak {
    fc: Linear,
}

/// What is added to what ranks are divided by.
const EPSILON: f64 = 1e-6;
/// How much of the label's certainty the weak classifier's labels give away.
const SMOOTHING: f64 = 0.1;

impl Uskd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        check_rows(NAME, context)?;
        let ends = context.student.spatial_ends(context.task);
        let usual = ends.get(ends.len().saturating_sub(2)).map(|end| end.post.clone());
        let named = points_named(options.student_point.as_slice(), NAME)?;
        let point = named.into_iter().next().or(usual).ok_or(MethodError::NoStages {
            method: NAME,
            network: "student",
            option: "student_point",
        })?;
        let [_, _, channels] = context.student.size(&point, NAME, "student")?;
        let fc = Linear::new(channels, context.student.probe.classes, &context.scope().at("fc"));
        Ok(Self {
            options,
            point,
            weak: Weak { fc },
        })
    }

    /// The loss of the student's logits and the weak classifier's, both `[N, K]`.
    fn loss(&self, logits: Tensor<2>, weak: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
        let count = logits.dims()[1];
        let is_true = is_column(classes.clone(), count);
        let [own, weak] = [logits.clone(), weak].map(|logits| log_softened(logits, 1.0));
        let hard = cross_entropies(own.clone(), classes.clone());
        // About 1 in the mean: the surer the student, the more.
        let sure = (-hard.clone().detach()).exp().powi_scalar(2);
        let target = (sure.clone() + 1.0 - sure.mean()) * hard;
        let others = log_softened(without_column(logits, is_true.clone()), 1.0);
        let ranked = soft_others(&own.detach(), weak.clone().detach(), &classes).mask_fill(is_true, 0.0);
        let ranked = ranked.clone() * ranked.sum_dim(1).recip();
        let rest = -summed_products(ranked, others);
        let all = -weak.clone().sum_dim(1).squeeze_dim::<1>(1) * (SMOOTHING / count as f64);
        let weak = cross_entropies(weak, classes) * (1.0 - SMOOTHING) + all;
        target.mean() * self.options.alpha + rest.mean() * self.options.beta + weak.mean() * self.options.mu
    }
}

/// One over the rank of each class in its row, `[N, K]`, of logarithms of probabilities.
fn soft_others(own: &Tensor<2>, weak: Tensor<2>, classes: &Tensor<1, Int>) -> Tensor<2> {
    let [rows, count] = own.dims();
    let columns = classes.clone().unsqueeze_dim::<2>(1);
    let weak = weak.exp();
    let left = |values: &Tensor<2>| -values.clone().gather(1, columns.clone()) + (1.0 + EPSILON);
    let scores = weak.clone() * left(&weak).recip() + own.clone() * left(own).recip();
    let by_rank = scores.argsort_descending(1);
    let shares: Vec<f64> = (1..=count).map(|rank| (rank as f64).recip()).collect();
    let shares = Tensor::<2>::from_data(TensorData::new(shares, [1, count]), (&own.device(), own.dtype()));
    let none = own.clone().zeros_like();
    none.scatter(1, by_rank, shares.expand([rows, count]), IndexingUpdateOp::Add)
}

impl Method for Uskd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::None,
            targets: Some(TargetNeed::class("soft labels are made about the label")),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        Reads {
            student: vec![self.point.clone()],
            teacher: Vec::new(),
        }
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.weak)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.weak)]
    }

    fn student_terms(
        &self,
        step: &StudentStep<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Vec<LossTerm>, MethodError> {
        let embedding = global_avg_pool(step.student.tap(&self.point)?).flatten(1, 3);
        let weak = self.weak.fc.forward::<2>(embedding, pass);
        let value = self.loss(step.student.logits()?, weak, step.targets.class()?.clone());
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
