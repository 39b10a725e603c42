//! **MLKD**: multi-level logit distillation.
//!
//! Jin, Wang and Lin, "Multi-level Logit Distillation", CVPR 2023. Logits of a weak and a strong view of each image are compared on three levels, each at five temperatures: the
//! probabilities of an image, how images of the batch are alike, and how classes are. The authors' program masks by the teacher's confidence, and its masks only scale whole losses by their
//! shares; it is followed by default, with what else it does otherwise than the paper: see `masks`.

use burn::tensor::{Int, Tensor};
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, PlanContext, StepContext, TargetNeed,
    entry::CLASSIFIERS,
    logits::{check_rows, check_standardised, cross_entropies, divergences, log_softened, standardised},
};

settings! {
    /// The options of MLKD in a recipe.
    struct Mlkd {
        /// The first of the five temperatures; the others are 3, 5, 2 and 6.
        temperature: f64 [above(0.0)] = default 4.0,
        /// The weight of the cross-entropies of both views.
        ce_weight: f64 [at_least(0.0)] = default 0.1,
        /// The weight of everything that is compared with the teacher. With `standardise` the authors have 9, and 2 as the first temperature.
        kd_weight: f64 [at_least(0.0)] = default 0.9,
        /// What the masks of confidence do.
        masks: Masks = default "batch",
        /// Whether the logits of both networks are standardised first where images are compared (Sun et al. 2024).
        standardise: bool = default false,
    }
}

choice! {
    /// What the masks of confidence do.
    enum Masks {
        /// They scale each loss of the weak view by their share, as in the authors' program, which compares the strong view at three temperatures and by its
        /// probabilities alone.
        Batch = "batch",
        /// They choose images and classes of the weak view, and the strong view is compared on all levels, as the paper says.
        Samples = "samples",
    }
}

const NAME: &str = "mlkd";

/// The temperatures behind the first.
const MORE: [f64; 4] = [3.0, 5.0, 2.0, 6.0];
/// How many temperatures, from the first on, the authors' program compares the strong view at; at the others it compares the weak one.
const STRONG: usize = 3;

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "logits of two views follow the teacher's image by image, between images and between classes, at five temperatures",
    group: Group::Logits,
    paper: "Multi-level Logit Distillation",
    year: 2023,
    source: "Jin, Wang, Lin 2023, CVPR",
    needs: "logits of two views of each image, and labels",
    cost: "twice the passes of both networks",
    weight: "1 with `task_weight = 0`",
    usual_weight: Some(1.0),
    tasks: CLASSIFIERS,
    limits: "",
    keys: Mlkd::KEYS,
    plan: |spec, context| Ok(Box::new(Mlkd::plan(spec, context)?)),
};

/// The logits `[N, K]` of one view: the student's, and the teacher's beside them.
#[derive(Clone)]
struct View {
    student: Tensor<2>,
    teacher: Tensor<2>,
}

/// How sure the teacher is: less than of the median image, `[N]`, and of the median class, `[K]`; 1 or 0.
struct Confidence {
    images: Tensor<1>,
    classes: Tensor<1>,
}

impl Mlkd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Self = spec.options()?;
        check_rows(NAME, context)?;
        context.teacher_of_same_classes(NAME)?;
        check_standardised(options.standardise, spec, context)?;
        Ok(options)
    }

    /// Each with its place.
    fn temperatures(&self) -> [(usize, f64); 5] {
        let [second, third, fourth, fifth] = MORE;
        [
            (0, self.temperature),
            (1, second),
            (2, third),
            (3, fourth),
            (4, fifth),
        ]
    }

    /// The losses of both views: the labels', the images', the classes' and that between images, with their weights.
    fn losses(&self, weak: &View, strong: &View, labels: &Tensor<1, Int>) -> [Tensor<1>; 4] {
        let hard = [weak, strong]
            .map(|view| cross_entropies(log_softened(view.student.clone(), 1.0), labels.clone()).mean());
        let [one, other] = hard;
        let compared = match self.masks {
            Masks::Batch => self.scaled(weak, strong),
            Masks::Samples => self.chosen(weak, strong),
        };
        let [images, classes, between] = compared.map(|loss| loss * self.kd_weight);
        [(one + other) * self.ce_weight, images, classes, between]
    }

    /// As the authors' program compares: images, classes, between images.
    fn scaled(&self, weak: &View, strong: &View) -> [Tensor<1>; 3] {
        let Confidence { images, classes } = Confidence::of(&weak.teacher);
        let [of_images, of_classes] = [images.mean(), classes.mean()];
        let parts = self.temperatures().map(|(place, t)| {
            let own = self.divergences(weak, t).mean();
            let other = if place < STRONG {
                self.divergences(strong, t).mean()
            } else {
                own.clone()
            };
            let [between_classes, between_images] = correlations(weak, t);
            [
                own * of_images.clone() + other,
                summed(between_classes) * of_classes.clone() * class_share(weak),
                summed(between_images) * of_images.clone() * image_share(weak),
            ]
        });
        added(parts)
    }

    /// As the paper has it: masks choose images and classes of the weak view, and all of the strong one counts.
    fn chosen(&self, weak: &View, strong: &View) -> [Tensor<1>; 3] {
        let Confidence { images, classes } = Confidence::of(&weak.teacher);
        let both = |mask: &Tensor<1>| {
            let count = mask.dims()[0];
            mask.clone().reshape([count, 1]) * mask.clone().reshape([1, count])
        };
        let parts = self.temperatures().map(|(_, t)| {
            let own = (self.divergences(weak, t) * images.clone()).mean();
            let [of_weak, of_strong] = [correlations(weak, t), correlations(strong, t)];
            let [weak_classes, weak_images] = of_weak;
            let [strong_classes, strong_images] = of_strong;
            [
                own + self.divergences(strong, t).mean(),
                (summed(weak_classes * both(&classes)) + summed(strong_classes)) * class_share(weak),
                (summed(weak_images * both(&images)) + summed(strong_images)) * image_share(weak),
            ]
        });
        added(parts)
    }

    /// KD's loss of each image at this temperature, `[N]`.
    fn divergences(&self, view: &View, t: f64) -> Tensor<1> {
        let logits = [&view.student, &view.teacher].map(|logits| {
            let logits = logits.clone();
            if self.standardise {
                standardised(logits, 1, EPSILON)
            } else {
                logits
            }
        });
        let [student, teacher] = logits.map(|logits| log_softened(logits, t));
        divergences(student, teacher) * (t * t)
    }
}

/// What is added to the deviation of a row of logits.
const EPSILON: f64 = 1e-7;

/// The squared differences of how classes go together, `[K, K]`, and of how images do, `[N, N]`, in both networks' probabilities.
fn correlations(view: &View, t: f64) -> [Tensor<2>; 2] {
    let [ours, theirs] = [&view.student, &view.teacher].map(|logits| log_softened(logits.clone(), t).exp());
    let of_classes = |rows: &Tensor<2>| rows.clone().transpose().matmul(rows.clone());
    let of_images = |rows: &Tensor<2>| rows.clone().matmul(rows.clone().transpose());
    [
        of_classes(&theirs) - of_classes(&ours),
        of_images(&theirs) - of_images(&ours),
    ]
    .map(|gap| gap.powi_scalar(2))
}

fn summed(values: Tensor<2>) -> Tensor<1> {
    values.sum()
}

fn class_share(view: &View) -> f64 {
    1.0 / view.student.dims()[1] as f64
}

fn image_share(view: &View) -> f64 {
    1.0 / view.student.dims()[0] as f64
}

/// The sums of three losses over the temperatures.
fn added(parts: [[Tensor<1>; 3]; 5]) -> [Tensor<1>; 3] {
    let [first, rest @ ..] = parts;
    let rest = rest.into_iter();
    rest.fold(first, |[a, b, c], [d, e, f]| [a + d, b + e, c + f])
}

impl Confidence {
    /// Of the teacher's logits `[N, K]`.
    fn of(teacher: &Tensor<2>) -> Self {
        let [n, k] = teacher.dims();
        let probabilities = log_softened(teacher.clone(), 1.0).exp();
        Self {
            images: up_to_median(probabilities.clone().max_dim(1).reshape([n])),
            classes: up_to_median(probabilities.sum_dim(0).reshape([k])),
        }
    }
}

/// 1 where a value is not above the median, which of an even number of values lies in the middle between two.
fn up_to_median(values: Tensor<1>) -> Tensor<1> {
    let count = values.dims()[0];
    let sorted = values.clone().sort(0);
    let at = |place: usize| sorted.clone().narrow(0, place, 1);
    let median = (at((count - 1) / 2) + at(count / 2)) * 0.5;
    let dtype = values.dtype();
    values.lower_equal(median.expand([count])).float().cast(dtype)
}

impl Method for Mlkd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            targets: Some(TargetNeed::class(
                "the cross-entropies of both views are part of it",
            )),
            second_view: true,
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let (student, teacher) = step.second()?;
        let strong = View {
            student: student.logits()?,
            teacher: teacher.logits()?,
        };
        let weak = View {
            student: step.student.logits()?,
            teacher: step.teacher().logits()?,
        };
        let [hard, images, classes, between] = self.losses(&weak, &strong, step.targets.class()?);
        let metric =
            |name: &str, value: &Tensor<1>| LossTerm::metric(format!("{}.{name}", step.id), value.clone());
        Ok(vec![
            metric("ce", &hard),
            metric("kd", &images),
            metric("class_correlation", &classes),
            metric("batch_correlation", &between),
            LossTerm::loss(step.id, hard + images + classes + between),
        ])
    }
}
