//! **SDD**: scale decoupled distillation.
//!
//! Wei, Luo and Luo, "Scale Decoupled Distillation", CVPR 2024. A linear classifier behind the mean of a map says something of every region of it as well. The logits of
//! regions follow the teacher's by the loss of KD, DKD or NKD; twice where the teacher is right about the whole and wrong about the region, or the other way round: there the region
//! knows something that the whole does not tell.

use burn::tensor::{Int, Tensor};
use potstill_models::LinearHead;
use potstill_ops::{Pass, adaptive_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, HeadUse, Method, MethodEntry, MethodError, PlanContext, StepContext, StudentEpoch, TargetNeed,
    decoupled_divergences,
    entry::CLASSIFIERS,
    levels::{Levels, MapLoss, OfMaps, Pair, by_level},
    logits::{check_rows, divergences, log_softened},
    nkd::normalised_cross_entropies,
};

settings! {
    /// The options of SDD in a recipe.
    struct Options {
        /// Which loss compares the logits of a region.
        base: Base = default "kd",
        /// Regions along each side of the last map, for each scale; the coarser ones are means of the finest. The authors have `[1, 2]` for networks of one family.
        scales: Vec<usize> [at_least(1.0).at_most(64.0).not_empty()] = default [1, 2, 4],
        /// T: how much both distributions are softened. The authors have 4; 1 for NKD on ImageNet.
        temperature: f64 [above(0.0)] = default 4.0,
        /// Of DKD: the weight of the true class against all others.
        alpha: f64 [at_least(0.0)] = default 1.0,
        /// Of DKD: the weight of the others among themselves.
        beta: f64 [at_least(0.0)] = default 2.0,
        /// Of NKD: the weight of the classes that are not true.
        gamma: f64 [at_least(0.0)] = default 1.5,
        /// How many times the others a region counts about which the teacher is right where it is wrong about the whole, or the other way round.
        complementary_weight: f64 [at_least(0.0)] = default 2.0,
        /// Epochs over which the weight grows linearly from the first on; 0 for the full weight from the start.
        ramp_epochs: Option<usize> = without "30 for `dkd`, 0 for the others" like 30,
    }
}

choice! {
    /// Which loss compares the logits of a region.
    enum Base {
        /// That of KD.
        Kd = "kd",
        /// That of DKD.
        Dkd = "dkd",
        /// That of NKD.
        Nkd = "nkd",
    }
}

const NAME: &str = "sdd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "logits of every region of the last map follow the teacher's by KD, DKD or NKD",
    group: Group::Logits,
    paper: "Scale Decoupled Distillation",
    year: 2024,
    source: "Wei, Luo, Luo 2024, arXiv 2403.13512",
    needs: "last maps, both classifiers, linear behind a mean, and labels",
    cost: "the loss of 21 rows an image, or 5",
    weight: "that of its base: 0.9 beside `task_weight = 0.1` for `kd`",
    usual_weight: None,
    tasks: CLASSIFIERS,
    limits: "classifiers that are linear behind a mean",
    keys: Options::KEYS,
    plan,
};

/// SDD, planned for two networks.
struct Sdd(Options);

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let mut options: Options = spec.options()?;
    check_rows(NAME, context)?;
    context.teacher_of_same_classes(NAME)?;
    // From the finest on.
    options.scales.sort_unstable_by(|one, other| other.cmp(one));
    options.scales.dedup();
    let (ours, theirs) = (context.student_head(NAME)?, context.teacher_head(NAME)?);
    let levels = Levels::at(NAME, context, [&ours.map, &theirs.map])?;
    Ok(OfMaps::boxed(levels, Sdd(options)))
}

impl MapLoss for Sdd {
    fn heads(&self) -> HeadUse {
        HeadUse::Both
    }

    fn targets(&self) -> Option<TargetNeed> {
        Some(TargetNeed::class(
            "it asks where the teacher is right about a region",
        ))
    }

    fn factor(&self, epoch: StudentEpoch) -> f64 {
        let usual = match self.0.base {
            Base::Dkd => 30,
            Base::Kd | Base::Nkd => 0,
        };
        epoch.warm_up(self.0.ramp_epochs.unwrap_or(usual))
    }

    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        _: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let classes = step.targets.class()?;
        let (ours, theirs) = (step.head()?, step.teacher().head()?);
        by_level(maps, |[map, target]| {
            let student = self.region_logits(&map, ours);
            let teacher = self.region_logits(&target, theirs);
            self.weighted(student, teacher, classes)
        })
    }
}

impl Sdd {
    /// What a classifier says of the regions of a map `[N, H, W, C]`: logits `[N, R, K]`, and as the last of each scale's.
    fn region_logits(&self, map: &Tensor<4>, head: &LinearHead) -> Tensor<3> {
        let [n, _, _, c] = map.dims();
        let mut finest = None;
        let scales = self.0.scales.iter().map(|&side| {
            let map = finest.clone().unwrap_or_else(|| map.clone());
            let pooled = adaptive_avg_pool(map, [side; 2]);
            finest.get_or_insert_with(|| pooled.clone());
            pooled.reshape([n, side * side, c])
        });
        let regions = Tensor::cat(scales.collect(), 1);
        let [_, r, _] = regions.dims();
        let logits = head.logits(regions.reshape([n * r, c]));
        let [_, k] = logits.dims();
        logits.reshape([n, r, k])
    }

    /// The mean over images and regions of the base loss, by how much a region counts.
    fn weighted(&self, student: Tensor<3>, teacher: Tensor<3>, classes: &Tensor<1, Int>) -> Tensor<1> {
        let [n, r, k] = teacher.dims();
        let labels = classes.clone().unsqueeze_dim::<2>(1).expand([n, r]);
        let weights = self.weights(&teacher, &labels);
        let [student, teacher] = [student, teacher].map(|logits| logits.reshape([n * r, k]));
        let losses = self.losses(student, teacher, labels.reshape([n * r]));
        (losses * weights).sum() * (1.0 / (n * r) as f64)
    }

    /// How much each region of each image counts, `[N R]`.
    fn weights(&self, teacher: &Tensor<3>, labels: &Tensor<2, Int>) -> Tensor<1> {
        let [n, r, _] = teacher.dims();
        let is_right = |logits: Tensor<3>, labels: Tensor<2, Int>| {
            let regions = logits.dims()[1];
            logits.argmax(2).reshape([n, regions]).equal(labels)
        };
        // The mean of all regions of one scale is the whole, whether it is among the scales or not.
        let finest = self.0.scales.first().copied().unwrap_or(1);
        let whole = teacher.clone().narrow(1, 0, finest * finest).mean_dim(1);
        let of_whole = is_right(whole, labels.clone().narrow(1, 0, 1)).expand([n, r]);
        let of_region = is_right(teacher.clone(), labels.clone());
        let is_complementary = of_whole.not_equal(of_region);
        let options = (&teacher.device(), teacher.dtype());
        let plain = Tensor::<1>::ones([n * r], options);
        plain.mask_fill(is_complementary.reshape([n * r]), self.0.complementary_weight)
    }

    /// The base loss of each row, `[R]`.
    fn losses(&self, student: Tensor<2>, teacher: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
        let Options {
            temperature: t,
            alpha,
            beta,
            gamma,
            ..
        } = self.0;
        match self.0.base {
            Base::Kd => divergences(log_softened(student, t), log_softened(teacher, t)) * (t * t),
            Base::Dkd => {
                let [target, others] = decoupled_divergences(student, teacher, classes, t);
                target * alpha + others * beta
            }
            Base::Nkd => {
                let [target, others] = normalised_cross_entropies(student, teacher, classes, t);
                target + others * gamma
            }
        }
    }
}
