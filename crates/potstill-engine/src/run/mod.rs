//! The run: a loop over the epochs of the plan's timeline and their steps.

mod answers;
mod details;
mod epoch;
mod epoch_end;
mod extend;
mod finite;
mod measure;
mod newest;
mod output;
mod prepare;
mod preview_grid;
mod previews;
mod recipe_check;
mod replay;
mod resume;
mod round;
mod save;
mod summary;
mod teacher_cache;
mod warnings;

use std::{sync::atomic::AtomicBool, time::Instant};

use potstill_methods::Prepared;
use potstill_metrics::Metrics;
use potstill_models::Model;
use potstill_report::{EpochResult, EpochRow, IndexMap};

pub use self::replay::{LayerReport, ReplayReport};
pub(crate) use self::{
    finite::not_finite,
    prepare::{hash_tensors, hash_weights},
    summary::median,
};
use self::{measure::FinalTest, output::RunOutput};
use crate::{
    checkpoint::Position,
    error::EngineError,
    observer::Observer,
    origin::Origin,
    plan::{Plan, networks::NetworkFacts, spec::RunSpec, timeline::EpochKind},
    preprocess::Preprocess,
    run_folder::{RunFolder, exists},
    running_mean::RunningMean,
    train::{backward::Optimizers, learner::Learner},
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
/// println!("{:?}", run.summary().last.metrics);
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
    /// Whether nothing has the weights of the best epoch any more, and no epoch comes.
    best_is_lost: bool,
    totals: RunningMean,
    seconds: f64,
    recipe_hash: String,
    /// The fingerprint of the shorter recipe that this run extends, until its own is written.
    extends: Option<String>,
    /// What the run learned from when it began; `None` until that is looked at, and in memory.
    origin: Option<Origin>,
    /// Where the run was when `last.safetensors` was written; `None` where there is none, or a broken one.
    saved: Option<Position>,
    /// The digest of the best epoch's checkpoint.
    best_digest: Option<String>,
    /// What is to be said when it goes on.
    told: Vec<String>,
    rows: Vec<EpochRow>,
    /// The student of the best epoch, where it is looked at once more and no folder keeps it.
    best_in_memory: Option<Model>,
    /// The teachers that stay as they are, on the images that choose the best epoch, by name.
    teacher_metrics: IndexMap<String, Metrics>,
    /// What the end of the run measured.
    final_test: Option<FinalTest>,
    step_seconds: Vec<f64>,
    /// Seconds that the steps waited for their batches.
    waited: f64,
}

impl Run {
    /// A new run in a folder that [`RunFolder::create`] made: writes the resolved recipe there.
    ///
    /// # Errors
    /// [`EngineError::Exists`] where a run has begun; the folder cannot be written, or another process works in it.
    pub fn start(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let folder = folder.claim()?;
        if exists(&folder.recipe())? {
            return Err(EngineError::Exists(folder.path().into()));
        }
        Self::begin(plan, folder)
    }

    /// A run from its first step, in a folder without results.
    fn begin(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let output = RunOutput::create(folder, &plan.spec.text()?, plan.student().graph_file())?;
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
            best_is_lost: false,
            totals: RunningMean::default(),
            seconds: 0.0,
            extends: None,
            origin: None,
            saved: None,
            best_digest: None,
            told: Vec::new(),
            rows: Vec::new(),
            best_in_memory: None,
            teacher_metrics: IndexMap::new(),
            final_test: None,
            step_seconds: Vec::new(),
            waited: 0.0,
        })
    }

    /// Runs to the end, or until `stop` is set; then the present step is finished and a checkpoint written, if there is a folder.
    ///
    /// # Errors
    /// Broken data, a loss or a student that is not finite, a folder that cannot be written.
    pub fn go(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, EngineError> {
        for line in std::mem::take(&mut self.told) {
            observer.says(&line);
        }
        for line in self.spec.data.told() {
            observer.says(&line);
        }
        for note in self.spec.notes() {
            observer.says(&note);
        }
        if self.origin.is_none() && self.output.is_some() {
            self.origin = Some(Origin::of(&self.spec, &self.learner.teachers, None)?);
        }
        if self.position == Position::default() {
            self.warn_of_classes(observer)?;
        }
        self.examine_teachers(observer)?;
        if self.prepare(observer, stop)? == Prepared::Interrupted {
            return Ok(Outcome::Interrupted);
        }
        self.open_teacher_caches()?;
        let loader = self.spec.train_loader(self.spec.loading())?;
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
                self.save_stopped()?;
                return Ok(Outcome::Interrupted);
            }
            self.close_epoch(kind, began, observer)?;
        }
        self.finish()?;
        Ok(Outcome::Finished)
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
        let exif_orientation = self.exif_orientation();
        let NetworkFacts {
            model,
            shortcut,
            norm_eps,
            input,
            ..
        } = self.spec.student;
        let data = &self.spec.data;
        VisionModel {
            architecture: model,
            shortcut,
            norm_eps,
            network: self.learner.student,
            input: Some(input),
            preprocess: Some(Preprocess {
                exif_orientation,
                ..Preprocess::known(&data.preprocess, data.shown_size())
            }),
            task: Some(self.spec.task.kind()),
            class_names: self.spec.data.train.classes().to_vec(),
            notes: Vec::new(),
        }
    }
}
