//! What a run keeps to go on from: its checkpoints.
//!
//! A save is one act, and the new name of `last.safetensors` is its only moment: what was written before it (the row of metrics, the
//! event) is cut off by a run that resumes from an older checkpoint, and what is written after it (`best.safetensors`) is made up for from
//! the last checkpoint, which is the same then.

use std::{fs, time::Instant};

use potstill_base::flush_folder;

use super::Run;
use crate::{
    checkpoint::{Checkpoint, Position},
    error::EngineError,
    run_folder::{RunFolder, copy_whole, remove_if_there},
    train::accumulation::Portion,
};

impl Run {
    /// Writes the checkpoint, and a second time as the best one if it is that. A run in memory has none. Whoever has trained before looks
    /// at the weights first: a student that is no numbers is not saved.
    pub(super) fn save(&mut self, is_best: bool) -> Result<(), EngineError> {
        let Some(folder) = self.folder().cloned() else {
            return Ok(());
        };
        let last = folder.last();
        let unwritable = |reason| EngineError::Checkpoint {
            file: last.clone(),
            reason,
        };
        let packed = self
            .run_state()
            .pack(&self.learner.parts(), self.optimizers.all(), Vec::new())
            .map_err(unwritable)?;
        let keep = self.spec.kept_checkpoints();
        if keep > 1 {
            self.keep_last(&folder)?;
        }
        packed.write(&last)?;
        self.saved = Some(self.position);
        if is_best {
            packed.write(&folder.best())?;
            self.best_digest = Some(packed.digest().to_owned());
        }
        remove_old(&folder, self.position, keep)
    }

    /// Writes the checkpoint of a run that stops within an epoch. Before its first step there is one already.
    pub(super) fn save_stopped(&mut self) -> Result<(), EngineError> {
        if self.saved == Some(self.position) {
            return Ok(());
        }
        self.check_weights()?;
        self.save(false)
    }

    /// Writes a checkpoint in the middle of an epoch that `began`, if it is time for one.
    pub(super) fn save_between(&mut self, steps: usize, began: Instant) -> Result<(), EngineError> {
        let step = self.position.step;
        let accumulate = self.spec.settings.accumulate.max(1);
        let is_due = self
            .spec
            .save_every()
            .is_some_and(|every| step / every != self.saved_step(step) / every);
        // A checkpoint holds no gradients, and the end of an epoch has one of its own.
        if !is_due || step >= steps || !Portion::starts_at(step, accumulate) {
            return Ok(());
        }
        self.check_weights()?;
        let before = self.seconds;
        self.seconds += began.elapsed().as_secs_f64();
        let saved = self.save(false);
        self.seconds = before;
        saved
    }

    /// The step of this epoch at which a checkpoint was written last, at most `step`.
    fn saved_step(&self, step: usize) -> usize {
        let saved = self.saved.filter(|saved| saved.epoch == self.position.epoch);
        saved.map_or(0, |saved| saved.step.min(step))
    }

    /// The state as it is now, without its tensors.
    pub(super) fn run_state(&self) -> Checkpoint {
        let is_best = self.best.as_ref().is_some_and(|best| self.is_end_of(best.epoch));
        Checkpoint {
            position: self.position,
            best: self.best.clone(),
            best_digest: self.best_digest.clone().filter(|_| !is_best),
            teachers: self.teacher_metrics.clone(),
            totals: self.totals.clone(),
            seconds: self.seconds,
            recipe: self.recipe_hash.clone(),
            extends: self.extends.clone(),
            origin: self.origin.clone(),
            student: Some(self.model_config()),
            states: self.learner.method_states(),
            ..Checkpoint::default()
        }
    }

    /// Whether the run stands at the end of this epoch, which counts from 1.
    fn is_end_of(&self, epoch: usize) -> bool {
        self.position.step == 0 && self.position.epoch.0 == epoch
    }

    /// Gives the last checkpoint a second name, under which it stays when another becomes the last.
    fn keep_last(&self, folder: &RunFolder) -> Result<(), EngineError> {
        let Some(position) = self.saved.filter(|saved| *saved != self.position) else {
            return Ok(());
        };
        let (last, kept) = (folder.last(), folder.kept_at(position));
        let all = folder.checkpoints();
        if !all.is_dir() {
            fs::create_dir(&all).map_err(EngineError::io("make the folder", &all))?;
        }
        remove_if_there(&kept)?;
        match fs::hard_link(&last, &kept) {
            Ok(()) => flush_folder(&all).map_err(EngineError::io("write", &kept)),
            // A file system without second names.
            Err(_) => copy_whole(&last, &kept),
        }
    }
}

/// Leaves so many checkpoints, the last one counted. Those of a later position are of a past that was gone back from.
fn remove_old(folder: &RunFolder, position: Position, keep: usize) -> Result<(), EngineError> {
    let (later, earlier): (Vec<_>, Vec<_>) = folder
        .kept()?
        .into_iter()
        .partition(|(kept, _)| *kept >= position);
    let old = earlier.into_iter().skip(keep.saturating_sub(1));
    old.chain(later).try_for_each(|(_, path)| remove_if_there(&path))
}
