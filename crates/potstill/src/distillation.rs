//! A distillation made from what a program has at hand: images in memory, networks and methods of its own.

use std::{path::PathBuf, sync::Arc, sync::atomic::AtomicBool};

use potstill_data::{Augment, Dataset};
use potstill_engine::{
    EngineError, MethodParts, Observer, Phase, Plan, PlanParts, PlannedData, Run, RunFolder, Settings, cpu,
};
use potstill_methods::Method;
use potstill_recipe::{OptimizerSpec, Schedule, Sgd, TaskKind};

use crate::{Distilled, Student, TeacherModel};

/// What is trained, on what, by which methods and how. Every part is a value of the program; no file is read, and none is written
/// unless a [`folder`](Self::folder) is named.
///
/// ```
/// use potstill::prelude::*;
///
/// # fn main() -> potstill::Result<()> {
/// let images = |split| open("shapes:size=16,train=64,test=20,classes=4", split);
/// let teacher = VisionModel::build("cifar_resnet14", 4, 0)?;
/// let distilled = Distillation::new("cifar_resnet8", images(Split::Train)?, images(Split::Test)?)
///     .teacher(teacher)
///     .method("kd", 0.9, Kd::with_temperature(4.0))
///     .task_weight(0.1)
///     .epochs(1)
///     .batch(16)
///     .seed(7)
///     .run(&mut NoObserver)?;
/// assert_eq!(distilled.rows.len(), 1);
/// assert_eq!(distilled.student.architecture, "cifar_resnet8");
/// # Ok(())
/// # }
/// ```
///
/// The same parts and the same seed give the same student, to the bit, as does a recipe that says the same.
pub struct Distillation {
    settings: Settings,
    student: Student,
    train: Arc<dyn Dataset>,
    validation: Option<Arc<dyn Dataset>>,
    test: Arc<dyn Dataset>,
    augment: Augment,
    test_augment: Option<Augment>,
    teachers: Vec<(String, TeacherModel)>,
    methods: Vec<MethodParts>,
    phase: Phase,
    task: TaskKind,
    folder: Option<Folder>,
}

/// Where a run is kept.
struct Folder {
    path: PathBuf,
    resume: bool,
}

impl Distillation {
    /// A `student` that learns from the images of `train` and is measured by those of `test`, alone until it gets a teacher and a
    /// method.
    ///
    /// Without further words it trains for 30 epochs of batches of 64 images, by SGD with a learning rate of 0.05, Nesterov's momentum
    /// of 0.9 and a weight decay of 5e-4, at a constant rate, on images as they are.
    pub fn new(
        student: impl Into<Student>,
        train: impl Dataset + 'static,
        test: impl Dataset + 'static,
    ) -> Self {
        let optimizer = OptimizerSpec::Sgd(Sgd {
            momentum: 0.9,
            nesterov: true,
            weight_decay: 5e-4,
            ..Sgd::with_rate(0.05)
        });
        Self {
            settings: Settings::named("distillation"),
            student: student.into(),
            train: Arc::new(train),
            validation: None,
            test: Arc::new(test),
            augment: Augment::none(),
            test_augment: None,
            teachers: Vec::new(),
            methods: Vec::new(),
            phase: Phase::whole(30, optimizer),
            task: TaskKind::default(),
            folder: None,
        }
    }

    /// What the networks are trained for: classification if not given. The images have to have its targets.
    #[must_use]
    pub fn task(self, task: TaskKind) -> Self {
        Self { task, ..self }
    }

    /// With a teacher, called `teacher`.
    #[must_use]
    pub fn teacher(self, teacher: impl Into<TeacherModel>) -> Self {
        self.teacher_named("teacher", teacher)
    }

    /// With a teacher of this name. A method says which of several it learns from: [`MethodParts::teachers`].
    #[must_use]
    pub fn teacher_named(mut self, name: impl Into<String>, teacher: impl Into<TeacherModel>) -> Self {
        self.teachers.push((name.into(), teacher.into()));
        self
    }

    /// With a method, whose loss has this weight. It is called `id` in logs, checkpoints and random streams.
    #[must_use]
    pub fn method(self, id: impl Into<String>, weight: f64, method: impl Method + 'static) -> Self {
        self.entry(MethodParts::new(id, weight, method))
    }

    /// With a method that is made once both networks are known, or that learns from some of several teachers.
    #[must_use]
    pub fn entry(mut self, method: MethodParts) -> Self {
        self.methods.push(method);
        self
    }

    /// Chooses the best epoch by these images, so that those of `test` are looked at once, after the last epoch. A part of the training
    /// images is held back by [`hold_out`](potstill_data::hold_out).
    #[must_use]
    pub fn validation(mut self, images: impl Dataset + 'static) -> Self {
        self.validation = Some(Arc::new(images));
        self
    }

    /// How training images are varied.
    #[must_use]
    pub fn augment(self, augment: Augment) -> Self {
        Self { augment, ..self }
    }

    /// The fixed steps that test images take instead, and every image that the student is shown later; those of
    /// [`augment`](Self::augment) that draw nothing at random if not given.
    #[must_use]
    pub fn test_augment(self, steps: Augment) -> Self {
        Self {
            test_augment: Some(steps),
            ..self
        }
    }

    /// How often the student goes through the training images.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.phase.epochs = 0..epochs;
        self
    }

    /// The rule of a step.
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Into<OptimizerSpec>) -> Self {
        self.phase.optimizer = optimizer.into();
        self
    }

    /// How the learning rate changes over the epochs.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.phase.schedule = schedule;
        self
    }

    /// Images in a step, at least 2.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.settings.batch = batch;
        self
    }

    /// The weight of the task's own loss, 1 if not given.
    #[must_use]
    pub fn task_weight(mut self, weight: f64) -> Self {
        self.settings.task_weight = weight;
        self
    }

    /// Where every random draw starts from, 0 if not given.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The name of the run in its summary and report.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Everything else: threads, smoothing of labels, clipping of gradients, the last batch.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Keeps checkpoints, metrics, the report and the student in a new folder.
    #[must_use]
    pub fn folder(self, path: impl Into<PathBuf>) -> Self {
        let (path, resume) = (path.into(), false);
        Self {
            folder: Some(Folder { path, resume }),
            ..self
        }
    }

    /// The same, and continues a run that is there already and was made from the same parts.
    #[must_use]
    pub fn resume(self, path: impl Into<PathBuf>) -> Self {
        let (path, resume) = (path.into(), true);
        Self {
            folder: Some(Folder { path, resume }),
            ..self
        }
    }

    /// Fits the parts together without a step: networks, points, sizes and costs are known then.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn plan(self) -> Result<Plan, EngineError> {
        let device = cpu();
        let mut data = match self.validation {
            None => PlannedData::new(self.train, self.test, self.augment)?,
            Some(set) => PlannedData::with_validation(self.train, set, Some(self.test), self.augment)?,
        };
        if let Some(steps) = self.test_augment {
            data = data.with_preprocess(steps)?;
        }
        let teachers = self.teachers.into_iter();
        let teachers = teachers.map(|(name, teacher)| teacher.planned(&name, &data, &device));
        let teachers = teachers.collect::<Result<Vec<_>, _>>()?;
        let student = self.student.built(&data, self.settings.seed, &device)?;
        let parts = PlanParts::new(self.settings, student, data, self.phase, &device)?.for_task(self.task);
        Plan::from_parts(PlanParts {
            teachers,
            methods: self.methods,
            ..parts
        })
    }

    /// Trains to the end.
    ///
    /// # Errors
    /// What does not fit, before the first step; broken data; a loss that is not finite; a folder that cannot be written.
    pub fn run(self, observer: &mut dyn Observer) -> Result<Distilled, EngineError> {
        self.run_until(observer, &AtomicBool::new(false))
    }

    /// Trains to the end, or until `stop` is set. A run in a folder can be [resumed](Self::resume) then.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_until(
        mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Distilled, EngineError> {
        let folder = self.folder.take();
        if let Some(Folder { path, resume: false }) = &folder {
            RunFolder::is_free(path, false)?;
        }
        let plan = self.plan()?;
        let mut run = match folder {
            None => Run::in_memory(plan)?,
            Some(Folder { path, resume: true }) if path.join("recipe.toml").is_file() => {
                Run::resume(plan, RunFolder::open(&path)?)?
            }
            Some(Folder { path, .. }) => Run::start(plan, RunFolder::create(&path, false)?)?,
        };
        run.go(observer, stop)?;
        Distilled::of(run)
    }
}
