//! **KD**: the student's softened logits follow the teacher's.
//!
//! Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2:
//! `T^2 KL(softmax(teacher / T) || softmax(student / T))`, mean over the batch. The published recipes combine it with the
//! cross-entropy, for instance `task_weight = 0.1` and `weight = 0.9` at T = 4 on CIFAR-100.
//!
//! Where classes do not exclude each other every class has a divergence of its own, and they are added up: the multi-label logits
//! distillation of Yang et al., "Multi-Label Knowledge Distillation", ICCV 2023. See [`Probabilities`](crate::Probabilities).

use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{ClassMap, LossTerm, Method, MethodError, MethodInfo, PlanContext, StepContext, TeacherUse};

settings! {
    /// The options of KD in a recipe.
    struct Options {
        /// T: how much both distributions are softened.
        temperature: f64 [above(0.0)] = default 4.0,
        /// How the class maps of one-stage detectors are compared.
        retina_class_map: ClassMap = default "sigmoid",
    }
}

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
        }
    }

    /// Plans KD: both networks must have the same classes.
    ///
    /// # Errors
    /// No teacher, another number of classes, a temperature that is not positive.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        context.teacher_of_same_classes(Self::NAME)?;
        Ok(Self {
            temperature: options.temperature,
            class_map: options.retina_class_map,
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
        let value = step.divergence_of(self.class_map, self.temperature)?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}
