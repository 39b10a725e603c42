//! **CTKD**: curriculum temperature.
//!
//! Li, Li, Yang, Zhao, Song, Luo, Li and Yang, "Curriculum Temperature for Knowledge Distillation", AAAI 2023, equations 4 and 7: KD or DKD
//! at a temperature that is learned, one number for all images. Its gradient is reversed, so that it makes the lesson harder, and grows
//! from nothing over the first epochs: from easy to hard.

use std::f64::consts::PI;

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid},
};
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};
use potstill_tasks::Rows;

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Part, PlanContext, StepContext,
    StudentEpoch, TargetNeed, decoupled_divergences,
    dkd::usual_beta,
    entry::BUT_MULTI_LABEL,
    idle::refuse_idle,
    logits::{
        check_exclusive, check_rows, check_standardised, divergences, log_softened, short_ramp,
        standard_rows, true_classes,
    },
};

settings! {
    /// The options of CTKD in a recipe.
    struct Options {
        /// The lowest temperature.
        t_start: f64 [above(0.0)] = default 1.0,
        /// How far above it the temperature can climb.
        t_end: f64 [above(0.0)] = default 20.0,
        /// Epochs over which the reversed gradient grows, along half a cosine; 0 for all of it from the start. The authors have 5 for ImageNet.
        ramp_epochs: usize = default 10,
        /// Which loss has this temperature.
        loss: Base = default "kd",
        /// Of DKD: the weight of the true class against all others.
        alpha: f64 [at_least(0.0)] = default 1.0,
        /// Of DKD: the weight of the others among themselves.
        beta: Option<f64> [at_least(0.0)] = without "8 for images with one class, 0.25 for dense tasks" like 8.0,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024).
        standardise: bool = default false,
    }
}

choice! {
    /// Which loss has the learned temperature.
    enum Base {
        /// That of KD.
        Kd = "kd",
        /// That of DKD.
        Dkd = "dkd",
    }
}

const NAME: &str = "ctkd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "KD or DKD at a temperature that learns to make the lesson harder",
    group: Group::Logits,
    paper: "Curriculum Temperature for Knowledge Distillation",
    year: 2023,
    source: "Li, Li, Yang, Zhao, Song, Luo, Li, Yang 2023, arXiv 2211.16231",
    needs: "logits; trains one number",
    cost: "none",
    weight: "0.9 beside `task_weight = 0.1`",
    usual_weight: Some(0.9),
    tasks: BUT_MULTI_LABEL,
    limits: "of detectors two-stage ones alone",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(Ctkd::plan(spec, context)?)),
};

/// CTKD, planned for two networks.
struct Ctkd {
    options: Options,
    number: Number,
    note: Option<String>,
}

/// What is learned.
#[derive(Module, Debug)]
struct Number {
    /// The temperature before its sigmoid, `[1]`.
    theta: Param<Tensor<1>>,
}

impl Ctkd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let mut options: Options = spec.options()?;
        if options.loss == Base::Kd {
            refuse_idle(spec, &["alpha", "beta"], "`loss = \"dkd\"`")?;
        }
        options.beta = options.beta.or(Some(usual_beta(context)));
        check_rows(NAME, context)?;
        context.teacher_of_same_rows(NAME)?;
        check_standardised(options.standardise, spec, context)?;
        let number = Number {
            theta: context.scope().constant([1], 1.0),
        };
        let note = short_ramp(options.ramp_epochs, context);
        Ok(Self {
            options,
            number,
            note,
        })
    }

    /// What the gradient of the number is multiplied with: from 0 to -1.
    fn reversal(&self, epoch: StudentEpoch) -> f64 {
        let share = epoch.warm_up(self.options.ramp_epochs);
        -0.5 * (1.0 - (PI * share).cos())
    }

    /// The temperature, `[1]`, with this factor of its gradient.
    fn temperature(&self, factor: f64) -> Tensor<1> {
        let number = self.number.theta.val();
        let number = number.clone() * factor + number.detach() * (1.0 - factor);
        sigmoid(number) * self.options.t_end + self.options.t_start
    }

    fn loss(
        &self,
        rows: Rows,
        teacher: Tensor<2>,
        temperature: &Tensor<1>,
    ) -> Result<Tensor<1>, MethodError> {
        check_exclusive(&rows, NAME)?;
        let (rows, teacher) = if self.options.standardise {
            standard_rows(rows, teacher)
        } else {
            (rows, teacher)
        };
        let temperature = temperature.clone().cast(rows.logits.dtype());
        let soft = |logits: Tensor<2>| logits * temperature.clone().recip().unsqueeze();
        let (ours, theirs) = (soft(rows.logits.clone()), soft(teacher));
        let losses = match self.options.loss {
            Base::Kd => divergences(log_softened(ours, 1.0), log_softened(theirs, 1.0)),
            Base::Dkd => {
                let [target, others] = decoupled_divergences(ours, theirs, true_classes(&rows, NAME)?, 1.0);
                target * self.options.alpha + others * self.options.beta.unwrap_or(8.0)
            }
        };
        Ok(rows.mean(losses) * temperature.powi_scalar(2))
    }
}

impl Method for Ctkd {
    fn info(&self) -> MethodInfo {
        let needs_classes = self.options.loss == Base::Dkd;
        MethodInfo {
            targets: needs_classes
                .then(|| TargetNeed::single_classes("the true class is told from the others")),
            notes: self.note.clone().into_iter().collect(),
            ..MethodInfo::default()
        }
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.number)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.number)]
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let temperature = self.temperature(self.reversal(step.at.epoch));
        let value = step.summed_rows(1.0, |rows, teacher| self.loss(rows, teacher, &temperature))?;
        Ok(vec![
            LossTerm::loss(step.id, value),
            LossTerm::metric(format!("{}.temperature", step.id), temperature.detach()),
        ])
    }
}
