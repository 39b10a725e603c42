//! A run that goes on from its checkpoint.

use potstill_methods::StudentEpoch;
use potstill_report::rewind_metrics;

use super::{Run, newest::Newest, output::RunOutput, recipe_check};
use crate::{
    error::EngineError,
    plan::{
        Plan,
        phases::Phase,
        timeline::{EpochKind, SearchEpoch},
    },
    run_folder::{RunFolder, exists},
};

impl Run {
    /// A run that continues where its last checkpoint was written, or the one before where that is broken; from the start if none was.
    ///
    /// # Errors
    /// Another process works in the folder; the checkpoints are broken, belong to another recipe or are gone from beside the results of
    /// the run; images or teachers are not those that the run began with.
    pub fn resume(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let folder = folder.claim()?;
        folder.tidy()?;
        let Some(newest) = Newest::of(&folder)? else {
            if has_results(&folder)? {
                return Err(EngineError::LostCheckpoint(folder.path().into()));
            }
            // What it left before it came to its first checkpoint.
            folder.clear_results()?;
            return Self::begin(plan, folder);
        };
        let fingerprint = recipe_check::fingerprint(&newest.state, &newest.path, &plan.spec, &folder)?;
        Self::continued(plan, folder, newest, fingerprint)
    }

    /// The run of this plan, where the checkpoint was written. Nothing is written before it is known that images and teachers are those
    /// that the run began with.
    pub(super) fn continued(
        plan: Plan,
        folder: RunFolder,
        mut newest: Newest,
        fingerprint: String,
    ) -> Result<Self, EngineError> {
        if let Some(then) = &newest.state.origin {
            let now = plan.origin(then)?;
            if let Some(reason) = then.difference(&now) {
                let folder = folder.path().into();
                return Err(EngineError::Changed { folder, reason });
            }
            newest.told.extend(then.version_note(&now));
        }
        newest.mend_best(&folder, plan.spec.timeline.len())?;
        let Newest {
            state,
            tensors,
            path,
            mut told,
            best_is_lost,
        } = newest;
        let steps = plan.spec.steps_per_epoch() * state.position.epoch.0;
        let rows = rewind_metrics(folder.metrics(), state.position.epoch.0)?;
        if rows.len() < state.position.epoch.0 {
            told.push(format!(
                "warning: {} has {} of the {} epochs that are done",
                folder.metrics().display(),
                rows.len(),
                state.position.epoch.0
            ));
        }
        // A broken last checkpoint is not kept beside its successor.
        let saved = (path == folder.last()).then_some(state.position);
        let mut run = Self::new(plan, Some(RunOutput::resume(folder, steps)?))?;
        run.recipe_hash = fingerprint;
        run.position = state.position;
        run.reset_optimizers()?;
        state.restore(tensors, &mut run.learner, &mut run.optimizers, &path)?;
        run.saved = saved;
        run.best = state.best;
        run.best_is_lost = best_is_lost;
        run.best_digest = state.best_digest;
        run.origin = state.origin;
        run.teacher_metrics = state.teachers;
        run.seconds = state.seconds;
        run.totals = state.totals;
        run.rows = rows;
        run.told = told;
        Ok(run)
    }

    /// The optimisers of the present position, without state.
    pub(super) fn reset_optimizers(&mut self) -> Result<(), EngineError> {
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
}

/// Whether a run has left results besides its checkpoints.
fn has_results(folder: &RunFolder) -> Result<bool, EngineError> {
    Ok(exists(&folder.summary())? || exists(&folder.student())?)
}
