//! **KD**: the student's softened logits follow the teacher's.
//!
//! Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2:
//! `T^2 KL(softmax(teacher / T) || softmax(student / T))`, mean over the batch. The published recipes combine it with the
//! cross-entropy, for instance `task_weight = 0.1` and `weight = 0.9` at T = 4 on CIFAR-100.
//!
//! Where classes do not exclude each other every class has a divergence of its own, and they are added up: the multi-label logits
//! distillation of Yang et al., "Multi-Label Knowledge Distillation", ICCV 2023. See [`Probabilities`](crate::Probabilities).
//!
//! A one-stage detector tells of hundreds of thousands of anchors, nearly all of them background. `focal` lets those count little on which
//! both networks agree, in the manner of the focal loss (our design).

use burn::tensor::Tensor;
use potstill_models::DetectorKind;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{
    ClassMap, Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, PlanContext, StepContext,
    TeacherUse,
    entry::ALL,
    idle::refuse_idle,
    levels::is_pyramid,
    logits::{check_classes, check_standardised, divergences, log_softened, standard_rows},
};

settings! {
    /// The options of KD in a recipe.
    struct Options {
        /// T: how much both distributions are softened.
        temperature: f64 [above(0.0)] = default 4.0,
        /// How the class maps of one-stage detectors are compared.
        retina_class_map: ClassMap = default "sigmoid",
        /// gamma: the divergence of a score is weighted by how far both probabilities are apart, to this power; 0 for all alike. A remedy
        /// where rows of background outweigh the others, as of one-stage detectors: try 2, with a weight of 1 to 10.
        focal: f64 [at_least(0.0)] = default 0.0,
        /// Whether the logits of both networks are standardised first (Sun et al. 2024). The authors then have a weight of 9 at T = 2 beside
        /// `task_weight = 0.1`.
        standardise: bool = default false,
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Kd::NAME,
    about: "the student's softened logits follow the teacher's",
    group: Group::Logits,
    paper: "Distilling the Knowledge in a Neural Network",
    year: 2015,
    source: "Hinton, Vinyals, Dean 2015, arXiv 1503.02531",
    needs: "logits",
    cost: "none",
    weight: "0.9 beside `task_weight = 0.1`, at T = 4",
    usual_weight: Some(0.9),
    tasks: ALL,
    limits: "detectors of one kind",
    keys: Kd::KEYS,
    plan: |spec, context| Ok(Box::new(Kd::plan(spec, context)?)),
};

/// Knowledge distillation on logits.
///
/// ```
/// use potstill_methods::{Kd, Method, TeacherUse};
///
/// assert_eq!(Kd::with_temperature(4.0).info().teacher, TeacherUse::OneOrMean);
/// ```
#[derive(Debug, Clone)]
pub struct Kd {
    temperature: f64,
    class_map: ClassMap,
    focal: f64,
    standardises: bool,
}

impl Kd {
    /// The name in recipes.
    pub const NAME: &'static str = "kd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// KD at this temperature, above 0, for two networks with the same classes.
    pub fn with_temperature(temperature: f64) -> Self {
        Self {
            temperature,
            class_map: ClassMap::default(),
            focal: 0.0,
            standardises: false,
        }
    }

    /// Plans KD: both networks must have the same classes.
    ///
    /// # Errors
    /// No teacher, other classes, detectors whose scores are of other things, a temperature that is not positive.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        context.teacher_of_same_rows(Self::NAME)?;
        check_classes(Self::NAME, context)?;
        check_standardised(options.standardise, spec, context)?;
        let is_two_stage = context.student_kind() == Some(DetectorKind::Regions);
        if is_two_stage || !is_pyramid(context.task) {
            refuse_idle(spec, &["retina_class_map"], "one-stage detectors")?;
        }
        if options.standardise && options.focal > 0.0 {
            let problem = "is of scores as they are: leave it out, or `standardise`";
            return Err(spec.invalid_option("focal", problem).into());
        }
        Ok(Self {
            temperature: options.temperature,
            class_map: options.retina_class_map,
            focal: options.focal,
            standardises: options.standardise,
        })
    }

    /// The divergence of standardised logits.
    fn of_standardised(&self, step: &StepContext<'_>) -> Result<Tensor<1>, MethodError> {
        let t = self.temperature;
        step.summed_rows(t, |rows, teacher| {
            let (rows, teacher) = standard_rows(rows, teacher);
            let student = log_softened(rows.logits.clone(), t);
            Ok(rows.mean(divergences(student, log_softened(teacher, t))) * (t * t))
        })
    }
}

impl Method for Kd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::OneOrMean,
            ..MethodInfo::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = if self.standardises {
            self.of_standardised(step)?
        } else {
            step.divergence_of(self.class_map, self.temperature, self.focal)?
        };
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
