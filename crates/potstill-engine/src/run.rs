//! The run: a loop over the plan's phases, their epochs and their steps.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use potstill_data::{Batch, DataError, Epoch, Loader};
use potstill_models::FrozenClassifier;
use potstill_report::{
    EpochRow, IndexMap, Training, append_metrics, rewind_metrics, tensorboard::EventWriter,
};
use sha2::{Digest, Sha256};

use crate::{
    Best, Checkpoint, EngineError, Evaluation, Observer, Optimizer, Phase, Plan, Position, RunFolder,
    StepSeen, epoch_line, evaluate, laps::Laps, running_mean::RunningMean, step::Learner,
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
pub struct Run {
    pub(crate) plan: Plan,
    pub(crate) folder: RunFolder,
    pub(crate) learner: Learner,
    optimizer: Optimizer,
    position: Position,
    pub(crate) best: Option<Best>,
    totals: RunningMean,
    pub(crate) seconds: f64,
    pub(crate) fingerprint: String,
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

    /// A run that continues where its last checkpoint was written; from the start if none was.
    ///
    /// # Errors
    /// A checkpoint that is broken or belongs to another recipe.
    pub fn resume(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let recipe = plan.recipe.to_toml()?;
        let path = folder.last();
        if !path.is_file() {
            return Self::start(plan, folder);
        }
        let (books, tensors) = Checkpoint::read(&path)?;
        let steps = plan.steps_per_epoch() * books.position.epoch;
        let events = EventWriter::resume(folder.path(), steps as u64)?;
        let mut run = Self::new(plan, folder, &recipe, events);
        if books.recipe != run.fingerprint {
            let reason =
                "it was written by another recipe; resume with the recipe.toml of the run's own folder"
                    .into();
            return Err(EngineError::Checkpoint { file: path, reason });
        }
        run.position = books.position;
        run.optimizer = Optimizer::new(&run.phase_at(books.position.epoch).optimizer);
        books.restore(tensors, run.learner.parts_mut(), &mut run.optimizer, &path)?;
        run.best = books.best;
        run.seconds = books.seconds;
        run.totals = books.totals;
        run.rows = rewind_metrics(run.folder.metrics(), run.position.epoch)?;
        Ok(run)
    }

    fn new(mut plan: Plan, folder: RunFolder, recipe: &str, events: EventWriter) -> Self {
        let learner = Learner::of(&mut plan);
        let optimizer = Optimizer::new(&plan.phases[0].optimizer);
        let hexadecimal = |text: String, byte: &u8| text + &format!("{byte:02x}");
        let fingerprint = Sha256::digest(recipe.as_bytes())
            .iter()
            .fold(String::new(), hexadecimal);
        Self {
            plan,
            folder,
            learner,
            optimizer,
            position: Position::default(),
            best: None,
            totals: RunningMean::default(),
            seconds: 0.0,
            fingerprint,
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
        let loader = Loader::new(
            self.plan.train.clone(),
            self.plan.augment.clone(),
            self.plan.loading(),
        )?;
        while self.position.epoch < self.plan.recipe.total_epochs() {
            let phase = self.phase_at(self.position.epoch).clone();
            if self.position
                == (Position {
                    epoch: phase.epochs.start,
                    step: 0,
                })
            {
                self.optimizer = Optimizer::new(&phase.optimizer);
            }
            let began = Instant::now();
            let finished = self.train_epoch(&loader, &phase, observer, stop)?;
            let training = began.elapsed().as_secs_f64();
            if !finished {
                self.seconds += training;
                self.save(None)?;
                return Ok(Outcome::Interrupted);
            }
            let evaluation = self.evaluate()?;
            self.seconds += began.elapsed().as_secs_f64();
            self.close_epoch(&phase, training, evaluation, observer)?;
        }
        self.finish()?;
        Ok(Outcome::Finished)
    }

    /// Trains what is left of the epoch. `false` if it was stopped before the end.
    fn train_epoch(
        &mut self,
        loader: &Loader,
        phase: &Phase,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, EngineError> {
        let (epoch, steps) = (self.position.epoch, loader.batches_per_epoch());
        let began = Instant::now();
        let mut images = 0;
        let mut batches = loader.epoch(epoch as u64, self.position.step);
        while let Some(batch) = self.next_batch(&mut batches) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let batch = batch?;
            let rate = phase.rate(epoch, self.position.step, steps);
            let started = Instant::now();
            let report = self
                .learner
                .step(
                    &batch,
                    phase,
                    &mut self.optimizer,
                    rate,
                    epoch,
                    &mut Laps::start(),
                )
                .map_err(|refused| refused.at(epoch + 1, self.position.step + 1, rate))?;
            self.step_seconds.push(started.elapsed().as_secs_f64());
            self.position.step += 1;
            images += batch.labels.len();
            self.totals
                .add(batch.labels.len(), report.hits, report.loss, &report.terms);
            let means: Vec<_> = self
                .totals
                .terms
                .iter()
                .map(|(name, sum)| (name.clone(), self.totals.mean(*sum)))
                .collect();
            observer.step(&StepSeen {
                epoch: epoch + 1,
                epochs: self.plan.recipe.total_epochs(),
                step: self.position.step,
                steps,
                rate,
                images_per_second: images as f64 / began.elapsed().as_secs_f64(),
                loss: self.totals.mean(self.totals.loss),
                terms: &means,
            });
        }
        Ok(true)
    }

    /// The next batch of the epoch; the time until it is there counts as waiting.
    fn next_batch(&mut self, batches: &mut Epoch) -> Option<Result<Batch, DataError>> {
        let asked = Instant::now();
        let batch = batches.next();
        self.waited += asked.elapsed().as_secs_f64();
        batch
    }

    fn evaluate(&self) -> Result<Evaluation, EngineError> {
        let student = FrozenClassifier::from(&self.learner.student);
        let (test, augment) = (self.plan.test.clone(), &self.plan.augment);
        evaluate(
            &student,
            test,
            augment,
            &self.learner.student_input,
            self.plan.evaluating(),
            &mut |_| (),
        )
    }

    /// Enters a finished epoch in the books and on the disk.
    fn close_epoch(
        &mut self,
        phase: &Phase,
        training: f64,
        evaluation: Evaluation,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let totals = std::mem::take(&mut self.totals);
        let steps = self.position.step;
        self.position = Position {
            epoch: self.position.epoch + 1,
            step: 0,
        };
        let epoch = self.position.epoch;
        let terms = totals
            .terms
            .iter()
            .map(|(name, sum)| (name.clone(), totals.mean(*sum)));
        let row = EpochRow {
            epoch,
            phase: phase.name.clone(),
            step: (epoch * steps) as u64,
            lr: phase.rate(epoch - 1, steps.saturating_sub(1), steps),
            seconds: self.seconds,
            images_per_second: totals.images as f64 / training,
            train: Training {
                loss: totals.mean(totals.loss),
                top1: Some(totals.top1()),
                terms: terms.collect::<IndexMap<_, _>>(),
                ..Training::default()
            },
            test: Some(potstill_report::Evaluation {
                loss: evaluation.loss,
                top1: evaluation.top1,
                top5: evaluation.top5,
            }),
        };
        let improved = self.best.is_none_or(|best| evaluation.top1 > best.top1);
        if improved {
            self.best = Some(Best {
                epoch,
                top1: evaluation.top1,
            });
        }
        append_metrics(self.folder.metrics(), &row)?;
        self.events.epoch(&row)?;
        self.folder
            .log(&epoch_line(&row, self.plan.recipe.total_epochs()))?;
        self.save(improved.then(|| self.folder.best()))?;
        observer.epoch(&row, self.plan.recipe.total_epochs());
        self.rows.push(row);
        Ok(())
    }

    /// Writes the checkpoint, and a second time as the best one.
    fn save(&self, best: Option<std::path::PathBuf>) -> Result<(), EngineError> {
        let books = Checkpoint {
            position: self.position,
            best: self.best,
            totals: self.totals.clone(),
            seconds: self.seconds,
            recipe: self.fingerprint.clone(),
            student: Some(self.model_config()),
            ..Checkpoint::default()
        };
        for path in std::iter::once(self.folder.last()).chain(best) {
            books
                .clone()
                .save(&self.learner.parts(), &self.optimizer, &path)?;
        }
        Ok(())
    }

    fn phase_at(&self, epoch: usize) -> &Phase {
        let phases = &self.plan.phases;
        phases
            .iter()
            .find(|phase| phase.epochs.contains(&epoch))
            .unwrap_or(&phases[phases.len() - 1])
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

    /// Top-1 accuracy of the teacher on the test images, percent; none without a teacher or for other classes.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn teacher_top1(&self) -> Result<Option<f64>, EngineError> {
        let Some((teacher, input)) = &self.learner.teacher else {
            return Ok(None);
        };
        let test = Arc::clone(&self.plan.test);
        if teacher.classes() != test.classes().len() {
            return Ok(None);
        }
        let found = evaluate(
            teacher,
            test,
            &self.plan.augment,
            input,
            self.plan.evaluating(),
            &mut |_| (),
        )?;
        Ok(Some(found.top1))
    }
}
