//! The methods of a plan: entries of a recipe, or made by a program.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::TargetKind;
use potstill_methods::{
    Method, MethodError, MethodInfo, PlanContext, PlannedMethod, TeacherRef, TeacherUse, TrainingImages,
    WeightCurve, find,
};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, Recipe, WeightSchedule};
use potstill_tasks::Task;

use super::{data::PlannedData, networks::PlannedStudent, teachers::PlannedTeacher};
use crate::error::EngineError;

/// Makes a method for two networks.
pub type MakeMethod = Box<dyn FnOnce(&PlanContext) -> Result<Box<dyn Method>, MethodError>>;

/// An entry before it is planned.
///
/// ```
/// use potstill_engine::MethodParts;
/// use potstill_methods::Kd;
/// use potstill_recipe::MethodSpec;
///
/// let own = MethodParts::new("soft", 0.9, Kd::with_temperature(4.0));
/// let listed = MethodParts::of_spec("review", MethodSpec::new("review-kd").with("ramp_epochs", 20));
/// assert_eq!((own.kind.as_str(), listed.kind.as_str()), ("soft", "review-kd"));
/// ```
pub struct MethodParts {
    /// Its name: logs, checkpoints, phases and random streams call it so.
    pub id: String,
    /// The name of its kind, for summaries.
    pub kind: String,
    /// The weight of its loss.
    pub weight: f64,
    /// How it changes.
    pub schedule: WeightSchedule,
    /// The teachers that it learns from, with their shares; empty for the only one.
    pub teachers: Vec<(String, f64)>,
    /// Makes the method.
    pub make: MakeMethod,
}

impl MethodParts {
    /// A method of a program.
    pub fn new(id: impl Into<String>, weight: f64, method: impl Method + 'static) -> Self {
        let id = id.into();
        Self {
            kind: id.clone(),
            id,
            weight,
            schedule: WeightSchedule::Constant,
            teachers: Vec::new(),
            make: Box::new(move |_| Ok(Box::new(method))),
        }
    }

    /// A method of a program that is made once both networks are known.
    pub fn made<M: Method + 'static>(
        id: impl Into<String>,
        weight: f64,
        make: impl FnOnce(&PlanContext) -> Result<M, MethodError> + 'static,
    ) -> Self {
        let id = id.into();
        Self {
            kind: id.clone(),
            id,
            weight,
            schedule: WeightSchedule::Constant,
            teachers: Vec::new(),
            make: Box::new(move |context| Ok(Box::new(make(context)?))),
        }
    }

    /// A method of the registry with its options.
    pub fn of_spec(id: impl Into<String>, spec: MethodSpec) -> Self {
        Self {
            id: id.into(),
            kind: spec.kind.clone(),
            weight: spec.weight,
            schedule: spec.schedule.clone().unwrap_or(WeightSchedule::Constant),
            teachers: Vec::new(),
            make: Box::new(move |context| find(&spec.kind)?.plan(&spec, context)),
        }
    }

    /// The same entry, which learns from these teachers by their weights: one, or several whose mean it is to learn from.
    #[must_use]
    pub fn teachers<'a>(mut self, teachers: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let named = teachers.into_iter();
        self.teachers = named.map(|(name, weight)| (name.to_owned(), weight)).collect();
        self
    }

    /// The same entry, whose weight changes so.
    #[must_use]
    pub fn schedule(self, schedule: WeightSchedule) -> Self {
        Self { schedule, ..self }
    }

    /// The entries of a recipe.
    pub(crate) fn of_recipe(recipe: &Recipe) -> Vec<Self> {
        let entries = recipe.methods.iter().zip(recipe.method_ids());
        entries
            .map(|(spec, id)| Self {
                teachers: recipe
                    .teachers_of(spec)
                    .into_iter()
                    .map(|share| (share.name, share.share))
                    .collect(),
                ..Self::of_spec(id, spec.clone())
            })
            .collect()
    }
}

/// What all entries of a plan are planned with.
pub(crate) struct Ground<'a> {
    pub task: &'a dyn Task,
    pub data: &'a PlannedData,
    pub student: &'a PlannedStudent,
    pub teachers: &'a [PlannedTeacher],
    /// Epochs of the student's training.
    pub epochs: usize,
    /// Steps of each.
    pub steps: usize,
    /// Images of a step.
    pub batch: usize,
    pub device: &'a Device,
    pub seed: Seed,
}

impl Ground<'_> {
    /// Plans an entry.
    pub fn plan(&self, parts: MethodParts) -> Result<PlannedMethod, EngineError> {
        let MethodParts {
            id,
            kind,
            weight,
            schedule,
            teachers,
            make,
        } = parts;
        if let Some((key, problem)) = schedule.problem(weight, self.epochs) {
            let key = ["methods.schedule", key].join(".");
            let reason = format!("that of `{id}` {problem}");
            return Err(EngineError::invalid_plan(key.trim_end_matches('.'), reason));
        }
        // Which of several teachers is meant has to be said, but by a method that has none.
        let (teachers, unsaid) = match self.teachers_of(&id, &teachers)? {
            Meant::These(teachers) => (teachers, None),
            Meant::OneOf(all, problem) => (all, Some(problem)),
        };
        let facts = teachers.iter().map(|teacher| &self.teachers[teacher.index].facts);
        let context = PlanContext {
            id: id.clone(),
            student: self.student.facts.info.clone(),
            teachers: facts.map(|facts| facts.network.info.clone()).collect(),
            task: self.task.kind(),
            images: TrainingImages::new(Arc::clone(&self.data.train)),
            image: self.data.image,
            input: self.student.facts.input.normalise.clone(),
            epochs: self.epochs,
            steps: self.steps,
            batch: self.batch,
            device: self.device.clone(),
            seed: self.seed,
        };
        let method = match (make(&context), unsaid) {
            (Ok(method), Some(problem)) if has_teacher(&method.info()) => return Err(problem),
            // Options are wrong whoever teaches; that a teacher does not fit means nothing before it is named.
            (Err(error @ MethodError::Options(_)), _) | (Err(error), None) => return Err(error.into()),
            (Err(_), Some(problem)) => return Err(problem),
            (Ok(method), _) => method,
        };
        let info = method.info();
        self.check_targets(&id, &info)?;
        let teachers = match (info.teacher, teachers.len()) {
            _ if !has_teacher(&info) => Vec::new(),
            (_, 0) => return Err(MethodError::NoTeacher(id).into()),
            (TeacherUse::OneOrMean, _) | (_, 1) => teachers,
            (_, several) => {
                return Err(MethodError::OneTeacher {
                    method: id,
                    teachers: several,
                }
                .into());
            }
        };
        Ok(PlannedMethod {
            id,
            kind,
            weight: WeightCurve {
                weight,
                schedule,
                epochs: self.epochs,
                steps: self.steps,
            },
            teachers,
            method,
        })
    }

    /// Refuses a method that needs other targets than the task has.
    fn check_targets(&self, id: &str, info: &MethodInfo) -> Result<(), MethodError> {
        match info.targets {
            Some(need) if self.data.train.info().target == TargetKind::None => Err(MethodError::NoLabels {
                method: id.to_owned(),
                images: self.data.train.name().to_owned(),
                reason: need.reason,
            }),
            Some(need) if self.data.labelled.is_some() => Err(MethodError::FewLabels {
                method: id.to_owned(),
                labelled: self.data.labelled.unwrap_or_default(),
                images: self.data.train.len(),
                reason: need.reason,
            }),
            Some(need) if !need.kinds.contains(&self.task.target_kind()) => Err(MethodError::Targets {
                method: id.to_owned(),
                task: self.task.kind().to_string(),
                needed: need.kinds,
                found: self.task.target_kind(),
                reason: need.reason,
            }),
            _ => Ok(()),
        }
    }

    /// The teachers of an entry: those that it names, or the only one.
    fn teachers_of(&self, id: &str, named: &[(String, f64)]) -> Result<Meant, EngineError> {
        let names = || self.teachers.iter().map(|teacher| teacher.facts.name.as_str());
        let problem = |problem: String| {
            let names: Vec<_> = names().map(|name| format!("`{name}`")).collect();
            let reason = format!("`{id}` {problem}; there are {}", names.join(", "));
            EngineError::invalid_plan("methods.teacher", reason)
        };
        let refused = |told: String| Err(problem(told));
        if named.is_empty() {
            let all = (0..self.teachers.len()).map(|index| TeacherRef { index, weight: 1.0 });
            let all: Vec<_> = all.collect();
            return Ok(match all.len() {
                0 | 1 => Meant::These(all),
                _ => Meant::OneOf(
                    all,
                    problem("has to say which teacher it learns from (`teacher = \"...\"`)".into()),
                ),
            });
        }
        let mut teachers = Vec::with_capacity(named.len());
        for (name, weight) in named {
            match names().position(|known| known == name) {
                Some(index) => teachers.push(TeacherRef {
                    index,
                    weight: *weight,
                }),
                None => return refused(format!("learns from `{name}`, which is no teacher")),
            }
        }
        let total: f64 = teachers.iter().map(|teacher| teacher.weight).sum();
        if !(total.is_finite() && total > 0.0 && teachers.iter().all(|teacher| teacher.weight >= 0.0)) {
            return refused("has weights of its teachers whose sum is not positive".into());
        }
        Ok(Meant::These(teachers))
    }
}

/// The teachers of an entry.
enum Meant {
    /// Those that it names, the only one, or none.
    These(Vec<TeacherRef>),
    /// One of several, and the refusal of a method that has to say which.
    OneOf(Vec<TeacherRef>, EngineError),
}

/// Whether a method learns from a teacher, or lets an augmentation learn through it.
fn has_teacher(info: &MethodInfo) -> bool {
    info.teacher != TeacherUse::None || !info.rounds.is_empty()
}
