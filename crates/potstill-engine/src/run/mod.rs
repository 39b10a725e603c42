//! The run: a loop over the epochs of the plan's timeline and their steps.

mod details;
mod epoch;
mod epoch_end;
mod output;
mod prepare;
mod preview_grid;
mod previews;
mod resume;
mod round;
mod summary;
mod teacher_cache;

use std::{sync::atomic::AtomicBool, time::Instant};

use potstill_data::Loader;
use potstill_methods::Prepared;
use potstill_metrics::Metrics;
use potstill_models::FrozenModel;
use potstill_report::{EpochResult, EpochRow, IndexMap};

use self::output::RunOutput;
pub(crate) use self::summary::median;
use crate::{
    checkpoint::Position,
    error::EngineError,
    evaluate::evaluate,
    network_input::NetworkInput,
    observer::Observer,
    plan::{Plan, networks::NetworkFacts, spec::RunSpec, timeline::EpochKind},
    preprocess::Preprocess,
    run_folder::RunFolder,
    running_mean::RunningMean,
    train::{backward::Optimizers, learner::Learner, teacher::LiveTeacher},
    vision_model::VisionModel,
};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every epoch is done.
    Finished,
    /// It was asked to stop; the checkpoint is written.
    Interrupted,
}

/// A plan on its way.
///
/// ```no_run
/// use std::sync::atomic::AtomicBool;
/// use potstill_engine::{NoObserver, Plan, Run, RunFolder};
/// use potstill_recipe::Recipe;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let recipe = Recipe::from_path("recipes/demo-student.toml", &["train.epochs=2".into()])?;
/// let folder = RunFolder::create("runs/mine".as_ref(), false)?;
/// let mut run = Run::start(Plan::new(recipe)?, folder)?;
/// run.go(&mut NoObserver, &AtomicBool::new(false))?;
/// println!("{:?}", run.summary()?.last.metrics);
/// # Ok(())
/// # }
/// ```
pub struct Run {
    spec: RunSpec,
    /// `None` for a run in memory.
    output: Option<RunOutput>,
    learner: Learner,
    optimizers: Optimizers,
    position: Position,
    best: Option<EpochResult>,
    totals: RunningMean,
    seconds: f64,
    recipe_hash: String,
    rows: Vec<EpochRow>,
    step_seconds: Vec<f64>,
    /// Seconds that the steps waited for their batches.
    waited: f64,
}

impl Run {
    /// A new run in an empty folder: writes the resolved recipe there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn start(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let output = RunOutput::create(folder, &plan.spec.text()?)?;
        Self::new(plan, Some(output))
    }

    /// A run that writes nothing. It can be stopped and gone on with as long as it is there.
    ///
    /// # Errors
    /// A recipe that has no text.
    pub fn in_memory(plan: Plan) -> Result<Self, EngineError> {
        Self::new(plan, None)
    }

    fn new(plan: Plan, output: Option<RunOutput>) -> Result<Self, EngineError> {
        let (spec, learner) = plan.into_parts();
        Ok(Self {
            optimizers: spec.optimizers(&spec.phases[0]),
            recipe_hash: spec.hash()?,
            spec,
            output,
            learner,
            position: Position::default(),
            best: None,
            totals: RunningMean::default(),
            seconds: 0.0,
            rows: Vec::new(),
            step_seconds: Vec::new(),
            waited: 0.0,
        })
    }

    /// Runs to the end, or until `stop` is set; then the present step is finished and a checkpoint written, if there is a folder.
    ///
    /// # Errors
    /// Broken data, a loss that is not finite, a folder that cannot be written.
    pub fn go(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, EngineError> {
        for note in self.spec.notes() {
            observer.says(&note);
        }
        if self.prepare(observer, stop)? == Prepared::Interrupted {
            return Ok(Outcome::Interrupted);
        }
        self.open_teacher_caches()?;
        let loader = Loader::new(
            self.spec.data.train.clone(),
            self.spec.data.augment.clone(),
            self.spec.settings.loading(),
        )?;
        while self.position.epoch.0 < self.spec.timeline.len() {
            let began = Instant::now();
            let Some(kind) = self.spec.timeline.at(self.position.epoch) else {
                break;
            };
            let finished = match kind {
                EpochKind::Student { epoch } => self.train_epoch(&loader, epoch, observer, stop)?,
                EpochKind::SearchRound(search) => self.search_epoch(&loader, search, observer, stop)?,
            };
            let training = began.elapsed().as_secs_f64();
            if !finished {
                self.seconds += training;
                self.save(false)?;
                return Ok(Outcome::Interrupted);
            }
            self.close_epoch(kind, began, observer)?;
        }
        self.finish()?;
        Ok(Outcome::Finished)
    }

    fn evaluate(&self) -> Result<Metrics, EngineError> {
        self.measure(&(&self.learner.student).into(), &self.learner.student_input)
    }

    /// The teachers of this kind on the test images as they are now, by name. One of other classes is left out.
    fn evaluate_teachers(
        &self,
        is_wanted: fn(&LiveTeacher) -> bool,
    ) -> Result<IndexMap<String, Metrics>, EngineError> {
        let mut found = IndexMap::new();
        for teacher in self.learner.teachers.iter().filter(|teacher| is_wanted(teacher)) {
            let network = teacher.network.frozen();
            let is_alike = network.output_kind() == self.spec.task.output_kind();
            if is_alike && network.classes() == self.spec.data.test.classes().len() {
                found.insert(teacher.name.clone(), self.measure(&network, &teacher.input)?);
            }
        }
        Ok(found)
    }

    fn measure(&self, network: &FrozenModel, input: &NetworkInput) -> Result<Metrics, EngineError> {
        let data = &self.spec.data;
        let (test, loading) = (data.test.clone(), self.spec.settings.evaluating());
        let task = self.spec.task.as_ref();
        Ok(evaluate(task, network, test, &data.preprocess, input, loading, &mut |_| ())?.metrics)
    }

    /// What the run is.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Where the run writes; `None` for a run in memory.
    pub fn folder(&self) -> Option<&RunFolder> {
        self.output.as_ref().map(|output| &output.folder)
    }

    /// The finished epochs.
    pub fn rows(&self) -> &[EpochRow] {
        &self.rows
    }

    /// The student as it is now, with what a program needs to use it.
    pub fn into_student(self) -> VisionModel {
        let NetworkFacts {
            model,
            shortcut,
            input,
            ..
        } = self.spec.student;
        let data = &self.spec.data;
        VisionModel {
            architecture: model,
            shortcut,
            network: self.learner.student,
            input: Some(input),
            preprocess: Some(Preprocess::known(&data.preprocess, data.shown_size())),
            task: Some(self.spec.task.kind()),
            class_names: self.spec.data.train.classes().to_vec(),
            notes: Vec::new(),
        }
    }
}
