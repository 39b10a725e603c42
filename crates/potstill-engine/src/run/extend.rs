//! A finished run that goes on for more epochs.

use potstill_base::{Digest, write_atomically};
use potstill_recipe::{Decay, Recipe, Schedule};
use potstill_report::{EpochRow, Summary, read_summary, write_summary};

use super::{Run, newest::Newest};
use crate::{
    error::EngineError,
    plan::{
        Plan,
        timeline::{EpochKind, RunEpoch, Timeline},
    },
    run_folder::RunFolder,
};

impl Run {
    /// The recipe of a finished run with so many more epochs in its last phase.
    ///
    /// # Errors
    /// A run that is not finished; a schedule that has come to its end, so that more epochs would have no rate.
    pub fn longer_recipe(recipe: Recipe, folder: &RunFolder, epochs: usize) -> Result<Recipe, EngineError> {
        finished_summary(folder)?;
        let last = recipe.phases().pop();
        let mut schedules: Vec<(String, Schedule)> = Vec::new();
        schedules.extend(last.map(|phase| ("train.schedule".to_owned(), phase.schedule)));
        for (name, teacher) in recipe.all_teachers() {
            let key = format!("{}.schedule", recipe.teacher_key(name));
            schedules.extend(teacher.schedule.clone().map(|schedule| (key, schedule)));
        }
        for (key, schedule) in schedules {
            if matches!(schedule.decay, Decay::Cosine(_) | Decay::Poly(_)) {
                let reason = "its rate has come down to its end, and what a longer run would have done before is past. Only `constant` and \
                              `milestones` go on; a new run with a schedule of its own starts from these weights (`start = \"run:NAME\"`)";
                return Err(EngineError::invalid_plan(key, reason));
            }
        }
        let mut longer = recipe;
        match longer.train.phases.as_mut().and_then(|phases| phases.last_mut()) {
            Some(phase) => phase.epochs += epochs,
            None => longer.train.epochs = longer.train.epochs.map(|before| before + epochs),
        }
        Ok(longer)
    }

    /// A finished run that goes on as the plan says, which is that of [`longer_recipe`](Self::longer_recipe): with the student, the state
    /// of the optimizer and the best epoch that it had. Everything that is planned by the number of epochs is that of the longer run, and
    /// where the longer run would have come to the same point, the result is the same to the bit.
    ///
    /// # Errors
    /// A checkpoint that is broken or belongs to another recipe; rounds of a method that a longer run would have had elsewhere.
    pub fn extend(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let summary = finished_summary(&folder)?;
        let folder = folder.claim()?;
        folder.tidy()?;
        let path = folder.last();
        let before =
            std::fs::read_to_string(folder.recipe()).map_err(EngineError::io("read", folder.recipe()))?;
        let (before, longer) = (Digest::of(before), plan.spec.hash()?);
        let newest = Newest::of(&folder)?.filter(|newest| newest.path == path);
        // Of the longer run where an extension was cut off before its recipe was written.
        let newest = newest.filter(|newest| [&before, &longer].contains(&&newest.state.recipe));
        let Some(newest) = newest else {
            let reason = "it is not the last checkpoint of the run that is to go on".into();
            return Err(EngineError::Checkpoint { file: path, reason });
        };
        let text = plan.spec.text()?;
        let (recipe, summary_file) = (folder.recipe(), folder.summary());
        let mut run = Self::continued(plan, folder, newest, longer)?;
        check_past(&run.rows, &run.spec.timeline)?;
        run.extends = Some(before);
        run.save(false)?;
        run.extends = None;
        write_atomically(&recipe, text.as_bytes()).map_err(EngineError::io("write", recipe))?;
        let unfinished = Summary {
            finished: false,
            epochs: run.spec.epochs(),
            recipe_hash: run.recipe_hash.clone(),
            ..summary
        };
        write_summary(summary_file, &unfinished)?;
        Ok(run)
    }
}

fn finished_summary(folder: &RunFolder) -> Result<Summary, EngineError> {
    if folder.summary().is_file() {
        let summary = read_summary(folder.summary())?;
        // An extension that was cut off before it wrote its summary is resumed, not extended once more.
        let recipe =
            std::fs::read_to_string(folder.recipe()).map_err(EngineError::io("read", folder.recipe()))?;
        if summary.finished && summary.recipe_hash == Digest::of(recipe) {
            return Ok(summary);
        }
    }
    Err(EngineError::Unfinished(folder.path().into()))
}

/// Whether the longer run would have had its rounds where this one had them.
fn check_past(rows: &[EpochRow], timeline: &Timeline) -> Result<(), EngineError> {
    let is_search = |epoch| matches!(timeline.at(RunEpoch(epoch)), Some(EpochKind::SearchRound(_)));
    let would_be = (0..rows.len().min(timeline.len())).map(is_search);
    if rows.iter().map(|row| row.search).eq(would_be) {
        return Ok(());
    }
    let reason = "a longer run would have had the rounds of a method between other epochs, so that this one cannot become it";
    Err(EngineError::invalid_plan("train.epochs", reason))
}
