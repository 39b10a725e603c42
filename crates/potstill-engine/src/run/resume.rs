//! What a run keeps to go on from: its checkpoints.

use std::{collections::BTreeMap, iter, path::PathBuf};

use potstill_methods::StudentEpoch;
use potstill_models::weights::StoredTensor;
use potstill_report::rewind_metrics;

use super::{Run, output::RunOutput};
use crate::{
    checkpoint::Checkpoint,
    error::EngineError,
    plan::{
        Plan,
        phases::Phase,
        timeline::{EpochKind, SearchEpoch},
    },
    run_folder::RunFolder,
};

impl Run {
    /// A run that continues where its last checkpoint was written; from the start if none was.
    ///
    /// # Errors
    /// A checkpoint that is broken or belongs to another recipe.
    pub fn resume(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let path = folder.last();
        if !path.is_file() {
            return Self::start(plan, folder);
        }
        let (run_state, tensors) = Checkpoint::read(&path)?;
        if run_state.recipe != plan.spec.hash()? {
            return Err(Self::of_another_recipe(path));
        }
        Self::continued(plan, folder, run_state, tensors)
    }

    pub(super) fn of_another_recipe(file: PathBuf) -> EngineError {
        let reason =
            "it was written by another recipe; resume with the recipe.toml of the run's own folder".into();
        EngineError::Checkpoint { file, reason }
    }

    /// The run of this plan, where the checkpoint was written.
    pub(super) fn continued(
        plan: Plan,
        folder: RunFolder,
        run_state: Checkpoint,
        tensors: BTreeMap<String, StoredTensor>,
    ) -> Result<Self, EngineError> {
        let (path, metrics) = (folder.last(), folder.metrics());
        let steps = plan.spec.steps_per_epoch() * run_state.position.epoch.0;
        let output = RunOutput::resume(folder, steps)?;
        let mut run = Self::new(plan, Some(output))?;
        run.position = run_state.position;
        run.reset_optimizers()?;
        run_state.restore(tensors, &mut run.learner, &mut run.optimizers, &path)?;
        run.best = run_state.best;
        run.teacher_metrics = run_state.teachers;
        run.seconds = run_state.seconds;
        run.totals = run_state.totals;
        run.rows = rewind_metrics(metrics, run.position.epoch.0)?;
        Ok(run)
    }

    /// The optimisers of the present position, without state.
    fn reset_optimizers(&mut self) -> Result<(), EngineError> {
        let Some(slot) = self.spec.timeline.at(self.position.epoch) else {
            return Ok(());
        };
        let is_done = self.position.epoch.0 >= self.spec.timeline.len();
        // Before the first step of a phase the state is still that of the one before.
        let epoch = match slot {
            EpochKind::Student { epoch } if is_done || self.position.step > 0 => epoch,
            EpochKind::Student { epoch } | EpochKind::SearchRound(SearchEpoch { before: epoch, .. }) => {
                StudentEpoch(epoch.0.saturating_sub(1))
            }
        };
        let phase = Phase::at(&self.spec.phases, epoch);
        self.optimizers = self.spec.optimizers(phase);
        if let EpochKind::SearchRound(SearchEpoch { method, .. }) = slot {
            let rule = self.learner.augmentation(method)?.optimizer();
            self.optimizers.begin_round(&rule);
        }
        Ok(())
    }

    /// Writes the checkpoint, and a second time as the best one if it is that. A run in memory has none.
    pub(super) fn save(&self, is_best: bool) -> Result<(), EngineError> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let run_state = Checkpoint {
            position: self.position,
            best: self.best.clone(),
            teachers: self.teacher_metrics.clone(),
            totals: self.totals.clone(),
            seconds: self.seconds,
            recipe: self.recipe_hash.clone(),
            student: Some(self.model_config()),
            states: self.learner.method_states(),
            ..Checkpoint::default()
        };
        let best = is_best.then(|| folder.best());
        for path in iter::once(folder.last()).chain(best) {
            run_state
                .clone()
                .save(&self.learner.parts(), self.optimizers.all(), &path)?;
        }
        Ok(())
    }
}
