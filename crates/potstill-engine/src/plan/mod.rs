//! The plan: a recipe resolved against real networks and data.
//!
//! Everything that can be wrong is found here, before the first step: files, classes, channels, points, methods. One probe of
//! each network infers every shape.

mod cache_check;
pub(crate) mod checks;
mod class_weights;
pub(crate) mod data;
pub(crate) mod methods;
pub(crate) mod networks;
mod notes;
pub(crate) mod open_options;
pub(crate) mod parts;
pub(crate) mod phases;
mod second_view;
pub(crate) mod settings;
pub(crate) mod spec;
pub(crate) mod splits;
mod student_start;
mod taken_head;
pub(crate) mod teacher_cache;
pub(crate) mod teachers;
pub(crate) mod timeline;

use std::sync::Arc;

use potstill_methods::{PlannedMethod, Reads};
use potstill_models::{FrozenModel, Model};
use potstill_random::Seed;
use potstill_recipe::Recipe;

use self::{
    checks::{
        check_accumulation, check_apart, check_batches, check_losses, check_names, check_outputs,
        check_phases, check_places, check_targets,
    },
    methods::Ground,
    parts::PlanParts,
    spec::{MethodFacts, RunSpec},
    teachers::{PlannedTeacher, TeacherFacts},
    timeline::Timeline,
};
use crate::{error::EngineError, origin::Origin, train::learner::Learner};

/// A run before its first step: what it is, and what trains in it.
///
/// ```
/// use potstill_engine::Plan;
/// use potstill_recipe::Recipe;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = r#"
/// version = 1
/// name = "tiny"
/// [data]
/// train = "shapes:size=16,train=64,test=20,classes=4"
/// [student]
/// model = "cifar_resnet8"
/// [train]
/// epochs = 3
/// batch = 16
/// optimizer = { kind = "sgd", lr = 0.05 }
/// "#;
/// let plan = Plan::new(Recipe::from_text(text, "tiny.toml", &["train.epochs=2".into()])?)?;
/// assert_eq!((plan.spec.epochs(), plan.spec.steps_per_epoch()), (2, 4));
/// assert_eq!(plan.student().classes(), 4);
/// # Ok(())
/// # }
/// ```
pub struct Plan {
    /// What the run is.
    pub spec: RunSpec,
    learner: Learner,
}

impl Plan {
    /// Resolves a recipe.
    ///
    /// # Errors
    /// The first thing that cannot be: see [`EngineError`].
    pub fn new(recipe: Recipe) -> Result<Self, EngineError> {
        Self::from_parts(PlanParts::open(recipe)?)
    }

    /// Fits parts together.
    ///
    /// # Errors
    /// The first thing that does not fit: see [`EngineError`].
    pub fn from_parts(parts: PlanParts) -> Result<Self, EngineError> {
        let PlanParts {
            settings,
            recipe,
            device,
            task,
            mut data,
            mut student,
            mut teachers,
            methods,
            phases,
        } = parts;
        check_batches(&settings, data.train.len())?;
        check_targets(&data, task.as_ref(), settings.task_weight)?;
        check_outputs(&student, task.as_ref())?;
        check_places(&student, &teachers, task.as_ref())?;
        check_names(&teachers, methods.iter().map(|method| method.id.as_str()))?;
        let seed = Seed::new(settings.seed);
        let epochs = phases.last().map_or(0, |phase| phase.epochs.end);
        let ground = Ground {
            task: task.as_ref(),
            data: &data,
            student: &student,
            teachers: &teachers,
            epochs,
            steps: settings.steps_per_epoch(data.train.len()),
            batch: settings.batch,
            device: &device,
            seed,
        };
        let methods = methods.into_iter().map(|method| ground.plan(method));
        let methods = methods.collect::<Result<Vec<_>, _>>()?;
        check_losses(&data, &methods)?;
        check_phases(&phases, &teachers, &methods)?;
        student.insert(&methods, data.image, seed, &device)?;
        for (index, teacher) in teachers.iter_mut().enumerate() {
            teacher.set_update(index, &methods)?;
            check_accumulation(&settings, teacher.facts.update)?;
            check_apart(&phases, &settings, teacher.facts.update)?;
            let counts = [epochs, data.train.len()];
            teacher.facts.cache = teacher.planned_cache(index, &methods, &settings, counts)?;
        }
        student.take_head(&methods, &teachers)?;
        let told = data.plan_second_view(&methods, &teachers)?;
        student.facts.notes.extend(told);
        let (live, facts): (Vec<_>, Vec<_>) = teachers.into_iter().map(PlannedTeacher::into_live).unzip();
        let spec = RunSpec {
            timeline: Timeline::new(epochs, &methods),
            student: student.facts,
            methods: methods
                .iter()
                .map(|planned| MethodFacts::of(planned, &facts))
                .collect(),
            method_notes: notes::of_methods(&methods, recipe.as_ref()),
            teachers: facts,
            settings,
            recipe,
            task,
            data,
            phases,
        };
        let learner = Learner {
            device,
            seed,
            student: student.network,
            student_input: spec.student.input.clone(),
            teachers: live,
            methods,
            task_weight: spec.settings.task_weight,
            task: Arc::clone(&spec.task),
            clip_norm: spec.settings.clip_norm,
        };
        if let Some((owner, name)) = learner.shared_name() {
            let reason = format!(
                "two tensors of `{owner}` are called `{name}`, and a checkpoint tells them apart by name"
            );
            return Err(EngineError::invalid_plan("methods", reason));
        }
        Ok(Self { spec, learner })
    }

    /// The student.
    pub fn student(&self) -> &Model {
        &self.learner.student
    }

    /// The methods.
    pub fn methods(&self) -> &[PlannedMethod] {
        &self.learner.methods
    }

    /// Every point that an entry reads at some time, in the order of the methods.
    pub fn reads(&self) -> Vec<Reads> {
        let epochs = self.spec.epochs();
        let methods = self.learner.methods.iter();
        methods.map(|planned| planned.all_reads(epochs)).collect()
    }

    /// The teachers that start from trained weights, as they are now.
    pub(crate) fn trained_teachers(&self) -> impl Iterator<Item = (&TeacherFacts, FrozenModel)> {
        let all = self.spec.teachers.iter().zip(&self.learner.teachers);
        let trained = all.filter(|(facts, _)| facts.network.info.has_weights);
        trained.map(|(facts, teacher)| (facts, teacher.network.frozen()))
    }

    /// What the run would learn from as it is now, beside what it began with.
    pub(crate) fn origin(&self, then: &Origin) -> Result<Origin, EngineError> {
        Origin::of(&self.spec, &self.learner.teachers, Some(then))
    }

    /// What the run is, and what trains in it.
    pub(crate) fn into_parts(self) -> (RunSpec, Learner) {
        (self.spec, self.learner)
    }
}
