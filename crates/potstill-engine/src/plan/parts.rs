//! What a plan is made from.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::Normalise;
use potstill_recipe::{Recipe, TaskKind};
use potstill_tasks::{Task, TaskOptions};

use super::{
    checks::check_batches, class_weights::class_weights, data::PlannedData, methods::MethodParts,
    networks::PlannedStudent, phases::Phase, settings::Settings, teachers::PlannedTeacher,
};
use crate::{device::cpu, error::EngineError, vision_model::VisionModel};

/// What a plan is made from: by a recipe, or by a program that has its own networks, data and methods.
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Augment, Split, open};
/// use potstill_engine::{MethodParts, Phase, Plan, PlanParts, PlannedData, PlannedTeacher, Settings, Source, cpu};
/// use potstill_methods::Kd;
/// use potstill_random::Seed;
/// use potstill_recipe::Sgd;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = cpu();
/// let images = |split| open("shapes:size=16,train=64,test=20,classes=4", split);
/// let data = PlannedData::new(images(Split::Train)?.into(), images(Split::Test)?.into(), Augment::none())?;
/// let network = |name: &str| {
///     let source = Source { model: Some(name.into()), classes: Some(4), ..Source::default() };
///     source.open(&device, Seed::new(0), name)
/// };
/// let teacher = PlannedTeacher::new("teacher", network("cifar_resnet14")?, &data, &device)?;
/// let rule = Sgd { lr: 0.05, momentum: 0.9, nesterov: true, dampening: 0.0, weight_decay: 5e-4 };
/// let phase = Phase::whole(1, rule.into());
/// let parts = PlanParts::new(Settings::named("mine"), network("cifar_resnet8")?, data, phase, &device)?
///     .teacher(teacher)
///     .method(MethodParts::new("kd", 0.9, Kd::with_temperature(4.0)));
/// assert_eq!(Plan::from_parts(parts)?.spec.epochs(), 1);
/// # Ok(())
/// # }
/// ```
pub struct PlanParts {
    /// The settings.
    pub settings: Settings,
    /// The recipe, if there is one. It is kept with the run; the other parts say what happens.
    pub recipe: Option<Recipe>,
    /// Where everything is computed.
    pub device: Device,
    /// What the networks are trained for.
    pub task: Arc<dyn Task>,
    /// The images.
    pub data: PlannedData,
    /// The student.
    pub student: PlannedStudent,
    /// The teachers, each with its own name.
    pub teachers: Vec<PlannedTeacher>,
    /// The methods, each with its own name.
    pub methods: Vec<MethodParts>,
    /// The phases, one behind the other.
    pub phases: Vec<Phase>,
}

impl PlanParts {
    /// A student that trains alone for classification in one phase.
    ///
    /// # Errors
    /// Images that the student cannot take.
    pub fn new(
        settings: Settings,
        student: impl Into<VisionModel>,
        data: PlannedData,
        phase: Phase,
        device: &Device,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            student: PlannedStudent::new(student.into(), &data, device)?,
            task: task_of(TaskKind::default(), &settings, &data),
            settings,
            recipe: None,
            device: device.clone(),
            data,
            teachers: Vec::new(),
            methods: Vec::new(),
            phases: vec![phase],
        })
    }

    /// The same parts for another task.
    #[must_use]
    pub fn for_task(self, kind: TaskKind) -> Self {
        Self {
            task: task_of(kind, &self.settings, &self.data),
            ..self
        }
    }

    /// With a teacher besides.
    #[must_use]
    pub fn teacher(mut self, teacher: PlannedTeacher) -> Self {
        self.teachers.push(teacher);
        self
    }

    /// With a method besides.
    #[must_use]
    pub fn method(mut self, method: MethodParts) -> Self {
        self.methods.push(method);
        self
    }

    /// Opens what a recipe names.
    ///
    /// # Errors
    /// The first thing that cannot be opened.
    pub fn open(mut recipe: Recipe) -> Result<Self, EngineError> {
        let (device, settings) = (cpu(), Settings::from(&recipe));
        PlannedTeacher::check_runs(&recipe)?;
        let data = PlannedData::open(&mut recipe)?;
        check_batches(&settings, data.train.len())?;
        let teachers = PlannedTeacher::open_all(&recipe, &data, &device)?;
        let usual = usual_input(&teachers, &data);
        let mut student = PlannedStudent::open(&recipe, &data, usual, &device)?;
        start(&mut student, &teachers, &recipe)?;
        Ok(Self {
            student,
            task: task_of_recipe(&recipe, &settings, &data)?,
            methods: MethodParts::of_recipe(&recipe),
            phases: Phase::of(&recipe),
            settings,
            recipe: Some(recipe),
            device,
            data,
            teachers,
        })
    }
}

/// What a recipe says of the student before its first step. One that starts from a run has taken from a teacher there.
fn start(
    student: &mut PlannedStudent,
    teachers: &[PlannedTeacher],
    recipe: &Recipe,
) -> Result<(), EngineError> {
    let spec = &recipe.student;
    if let Some(inherit) = spec.inherit().filter(|_| recipe.start.is_none()) {
        match teachers {
            [teacher] => student.inherit(teacher, inherit)?,
            // The student alone, by the recipe of the one that learns.
            [] => {
                let note = "the student takes nothing from a teacher: no method learns from one";
                student.facts.notes.push(note.into());
            }
            _ => {
                let reason = "takes from one teacher, and there are several";
                return Err(recipe.wrong("student.inherit", reason).into());
            }
        }
    }
    match spec.freeze() {
        Some(freeze) => student.freeze(freeze),
        None => Ok(()),
    }
}

fn task_of_recipe(
    recipe: &Recipe,
    settings: &Settings,
    data: &PlannedData,
) -> Result<Arc<dyn Task>, EngineError> {
    let asked = recipe.train.class_weights.as_ref();
    let weights = asked.map(|asked| class_weights(asked, data.train.as_ref()));
    let options = TaskOptions {
        class_weights: weights.transpose()?,
        ..options_of(settings, data)
    };
    Ok(potstill_tasks::task(recipe.task, options))
}

fn task_of(kind: TaskKind, settings: &Settings, data: &PlannedData) -> Arc<dyn Task> {
    potstill_tasks::task(kind, options_of(settings, data))
}

fn options_of(settings: &Settings, data: &PlannedData) -> TaskOptions {
    TaskOptions {
        classes: data.train.classes().to_vec(),
        label_smoothing: settings.label_smoothing,
        class_weights: None,
    }
}

/// How the student's images are normalised where nothing else is said: as those of the teachers where they agree, else as the data.
fn usual_input(teachers: &[PlannedTeacher], data: &PlannedData) -> Normalise {
    let mut of_teachers = teachers
        .iter()
        .map(|teacher| &teacher.facts.network.input.normalise);
    match of_teachers.next() {
        Some(first) if of_teachers.all(|other| other == first) => first.clone(),
        _ => data.normalise.clone(),
    }
}
