//! The run: a loop over the epochs of the plan's timeline and their steps.

mod epoch;
mod epoch_end;
mod prepare;
mod preview_grid;
mod previews;
mod resume;
mod round;
mod summary;

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use potstill_base::Digest;
use potstill_data::Loader;
use potstill_methods::Prepared;
use potstill_metrics::Metrics;
use potstill_report::{EpochResult, EpochRow, tensorboard::EventWriter};

pub(crate) use self::summary::median;
use crate::{
    EngineError, Observer, Plan, Position, RunFolder, evaluate, plan::timeline::EpochKind,
    running_mean::RunningMean, train::backward::Optimizers, train::learner::Learner,
};

/// What the teacher is called in records.
const TEACHER: &str = "teacher";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every epoch is done.
    Finished,
    /// It was asked to stop; the checkpoint is written.
    Interrupted,
}

/// A plan on its way.
pub struct Run {
    pub(crate) plan: Plan,
    pub(crate) folder: RunFolder,
    pub(crate) learner: Learner,
    optimizers: Optimizers,
    position: Position,
    pub(crate) best: Option<EpochResult>,
    totals: RunningMean,
    pub(crate) seconds: f64,
    pub(crate) recipe_hash: String,
    pub(crate) rows: Vec<EpochRow>,
    pub(crate) step_seconds: Vec<f64>,
    /// Seconds that the steps waited for their batches.
    pub(crate) waited: f64,
    events: EventWriter,
}

impl Run {
    /// A new run in an empty folder: writes the resolved recipe there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn start(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let recipe = plan.recipe.to_toml()?;
        fs::write(folder.recipe(), &recipe).map_err(EngineError::io("write", folder.recipe()))?;
        let events = EventWriter::create(folder.path())?;
        Ok(Self::new(plan, folder, &recipe, events))
    }

    fn new(mut plan: Plan, folder: RunFolder, recipe: &str, events: EventWriter) -> Self {
        let learner = Learner::of(&mut plan);
        let optimizers = plan.optimizers(&plan.phases[0]);
        let recipe_hash = Digest::of(recipe);
        Self {
            plan,
            folder,
            learner,
            optimizers,
            position: Position::default(),
            best: None,
            totals: RunningMean::default(),
            seconds: 0.0,
            recipe_hash,
            rows: Vec::new(),
            step_seconds: Vec::new(),
            waited: 0.0,
            events,
        }
    }

    /// Runs to the end, or until `stop` is set; then the present step is finished and a checkpoint written.
    ///
    /// # Errors
    /// Broken data, a loss that is not finite, a folder that cannot be written.
    pub fn go(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, EngineError> {
        if self.prepare(observer, stop)? == Prepared::Interrupted {
            return Ok(Outcome::Interrupted);
        }
        let loader = Loader::new(
            self.plan.train.clone(),
            self.plan.augment.clone(),
            self.plan.loading(),
        )?;
        while self.position.epoch < self.plan.timeline.len() {
            let began = Instant::now();
            let Some(slot) = self.plan.timeline.at(self.position.epoch) else {
                break;
            };
            let finished = match slot {
                EpochKind::Student { epoch } => self.train_epoch(&loader, epoch, observer, stop)?,
                EpochKind::SearchRound { .. } => self.round_epoch(&loader, slot, observer, stop)?,
            };
            let training = began.elapsed().as_secs_f64();
            if !finished {
                self.seconds += training;
                self.save(None)?;
                return Ok(Outcome::Interrupted);
            }
            self.close_epoch(slot, began, observer)?;
        }
        self.finish()?;
        Ok(Outcome::Finished)
    }

    fn evaluate(&self) -> Result<Metrics, EngineError> {
        let student = (&self.learner.student).into();
        let (test, augment) = (self.plan.test.clone(), &self.plan.augment);
        let found = evaluate(
            self.learner.task.as_ref(),
            &student,
            test,
            augment,
            &self.learner.student_input,
            self.plan.evaluating(),
            &mut |_| (),
        )?;
        Ok(found.metrics)
    }

    /// What the run is made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the run writes.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The finished epochs.
    pub fn rows(&self) -> &[EpochRow] {
        &self.rows
    }

    /// The teacher on the test images as it is now; none without a teacher or for other classes.
    fn evaluate_teacher(&self) -> Result<Option<Metrics>, EngineError> {
        let Some(teacher) = self.learner.teachers.first() else {
            return Ok(None);
        };
        let (network, test) = (teacher.network.frozen(), Arc::clone(&self.plan.test));
        let is_alike = network.output_kind() == self.learner.task.output_kind();
        if !is_alike || network.classes() != test.classes().len() {
            return Ok(None);
        }
        let found = evaluate(
            self.learner.task.as_ref(),
            &network,
            test,
            &self.plan.augment,
            &teacher.input,
            self.plan.evaluating(),
            &mut |_| (),
        )?;
        Ok(Some(found.metrics))
    }
}
