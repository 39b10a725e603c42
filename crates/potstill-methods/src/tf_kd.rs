//! **Tf-KD**: knowledge distillation without a teacher.
//!
//! Yuan, Tay, Li, Wang and Feng, "Revisiting Knowledge Distillation via Label Smoothing Regularization", CVPR 2020, equations 7 and 9.
//! Either the student learns from an earlier copy of itself (`self`: a finished run of the same network as its teacher), or from a virtual
//! teacher that is right with a probability of 0.99 and knows nothing else (`virtual`). The cross-entropy is part of the loss, `(1 - alpha)
//! CE + alpha ...`: set `train.task_weight = 0`.
//!
//! The published numbers come from the authors' program, whose divergence is a mean over all scores and not over the rows (hence the
//! `multiplier`), and whose virtual teacher is a softmax of probabilities. `formula = "paper"` is what the paper writes.

use burn::tensor::{Int, Tensor};
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};
use potstill_tasks::{Rows, is_column};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, NetworkInfo, PlanContext, StepContext,
    StudentStep, TargetNeed, TeacherUse,
    entry::CROSS_ENTROPIES,
    idle::refuse_idle,
    logits::{check_stands_for_task, cross_entropies, divergences, log_softened, true_classes},
};

settings! {
    /// The options of Tf-KD in a recipe.
    struct Options {
        /// Who teaches.
        variant: Option<Variant> = without "`self` where the recipe's teacher is built as the student is, `virtual` where not" like "virtual",
        /// The share of the divergence; the cross-entropy has the rest.
        alpha: f64 [at_least(0.0).at_most(1.0)] = default 0.95,
        /// T: how much the teacher is softened. The authors have 6 to 20 for the earlier copy, 10 to 40 for the virtual teacher.
        temperature: Option<f64> [above(0.0)] = without "20 for the earlier copy, 40 for the virtual teacher" like 20.0,
        /// What the divergence is multiplied with, 1 to 100 by the network.
        multiplier: f64 [at_least(0.0)] = default 1.0,
        /// How sure the virtual teacher is of the label.
        correct: f64 [above(0.0).below(1.0)] = default 0.99,
        /// How the virtual teacher is softened.
        formula: Formula = default "code",
    }
}

choice! {
    /// Who teaches.
    enum Variant {
        /// The recipe's teacher: a finished run of the same network.
        Own = "self",
        /// One that knows the label.
        Virtual = "virtual",
    }
}

choice! {
    /// How the virtual teacher is softened.
    enum Formula {
        /// A softmax of its probabilities over T, beside the student as it is; the mean over all scores.
        Code = "code",
        /// Its probabilities to the power 1 / T, beside the student at T; the mean over the rows, times T².
        Paper = "paper",
    }
}

const NAME: &str = "tf-kd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "the student learns from an earlier copy of itself, or from a made-up teacher that is right",
    group: Group::TeacherFree,
    paper: "Revisiting Knowledge Distillation via Label Smoothing Regularization",
    year: 2020,
    source: "Yuan, Tay, Li, Wang, Feng 2020, arXiv 1909.11723",
    needs: "labels; logits of an earlier run of the same network, or nothing",
    cost: "none, or a pass of the earlier copy",
    weight: "1 with `task_weight = 0`",
    usual_weight: Some(1.0),
    tasks: CROSS_ENTROPIES,
    limits: "",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(TfKd::plan(spec, context)?)),
};

/// Tf-KD, planned.
struct TfKd {
    variant: Variant,
    /// Why nobody of the recipe teaches, if somebody could.
    note: Option<&'static str>,
    temperature: f64,
    options: Options,
}

/// Who teaches: what the recipe says, or else its teacher if that is built as the student is; with a word where it is not.
///
/// # Errors
/// No teacher, or one of other classes, for `self`; one that is another network.
fn teacher(
    variant: Option<Variant>,
    spec: &MethodSpec,
    context: &PlanContext,
) -> Result<(Variant, Option<&'static str>), MethodError> {
    let is_copy = |teacher: &NetworkInfo| teacher.is_built_as(&context.student);
    match variant {
        Some(Variant::Virtual) => Ok((Variant::Virtual, None)),
        None if context.teachers.is_empty() => Ok((Variant::Virtual, None)),
        None if !context.teachers.iter().all(is_copy) => Ok((Variant::Virtual, Some(ANOTHER))),
        Some(Variant::Own) | None => {
            context.teacher_of_same_rows(NAME)?;
            // What a file was built as only its maker knows.
            let others = context.teachers.iter().filter(|teacher| teacher.stem.is_some());
            if let Some(other) = others.into_iter().find(|teacher| !is_copy(teacher)) {
                let problem = format!(
                    "has an earlier run of the student's own network for its teacher, and this one is another: {} parameters, the student \
                     {}. Take `virtual`, or `kd`",
                    other.probe.parameters, context.student.probe.parameters
                );
                return Err(spec.invalid_option("variant", problem).into());
            }
            Ok((Variant::Own, None))
        }
    }
}

/// The word where the recipe's teacher is not asked.
const ANOTHER: &str = "the recipe's teacher is another network than the student, not an earlier copy of it: the virtual teacher is taken \
                       (`variant = \"virtual\"`)";

impl TfKd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        check_stands_for_task(NAME, context)?;
        let (variant, note) = teacher(options.variant, spec, context)?;
        let usual = match variant {
            Variant::Own => {
                refuse_idle(spec, &["correct", "formula"], "`variant = \"virtual\"`")?;
                20.0
            }
            Variant::Virtual => 40.0,
        };
        Ok(Self {
            variant,
            note,
            temperature: options.temperature.unwrap_or(usual),
            options,
        })
    }

    /// The whole loss of rows whose divergences from their teacher are these, `[R]`. A tensor with one element.
    fn total(&self, rows: &Rows, classes: Tensor<1, Int>, divergences: Tensor<1>) -> Tensor<1> {
        let Options {
            alpha, multiplier, ..
        } = self.options;
        let hard = cross_entropies(log_softened(rows.logits.clone(), 1.0), classes);
        rows.mean(hard) * (1.0 - alpha) + rows.mean(divergences) * (alpha * multiplier)
    }

    fn of_copy(&self, rows: &Rows, teacher: Tensor<2>) -> Result<Tensor<1>, MethodError> {
        let (t, count) = (self.temperature, teacher.dims()[1] as f64);
        let each = divergences(log_softened(rows.logits.clone(), t), log_softened(teacher, t));
        Ok(self.total(rows, true_classes(rows, NAME)?, each * (t * t / count)))
    }

    fn of_virtual(&self, rows: &Rows) -> Result<Tensor<1>, MethodError> {
        let classes = true_classes(rows, NAME)?;
        let (t, count) = (self.temperature, rows.logits.dims()[1]);
        let correct = self.options.correct;
        let other = (1.0 - correct) / (count - 1) as f64;
        let logits = rows.logits.clone();
        let is_true = is_column(classes.clone(), count);
        let teacher = |[own, others]: [f64; 2]| {
            let constant = logits.clone().inner().zeros_like() + others;
            log_softened(constant.mask_fill(is_true.clone(), own), t)
        };
        let each = match self.options.formula {
            Formula::Code => {
                divergences(log_softened(logits.clone(), 1.0), teacher([correct, other]))
                    * (1.0 / count as f64)
            }
            Formula::Paper => {
                let target = teacher([correct, other].map(f64::ln));
                divergences(log_softened(logits.clone(), t), target) * (t * t)
            }
        };
        Ok(self.total(rows, classes, each))
    }
}

impl Method for TfKd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: match self.variant {
                Variant::Own => TeacherUse::OneOrMean,
                Variant::Virtual => TeacherUse::None,
            },
            targets: Some(TargetNeed::single_classes(
                "the cross-entropy is part of its loss",
            )),
            notes: self.note.map(str::to_owned).into_iter().collect(),
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = step.summed_rows(self.temperature, |rows, teacher| self.of_copy(&rows, teacher))?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }

    fn student_terms(&self, step: &StudentStep<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = step.summed_own_rows(|rows| self.of_virtual(&rows))?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
