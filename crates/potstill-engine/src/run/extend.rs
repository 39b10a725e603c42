//! A finished run that goes on for more epochs.

use potstill_base::{Digest, read_text, write_atomically};
use potstill_recipe::{Decay, Recipe, Schedule, WeightCosine, WeightSchedule};
use potstill_report::{EpochRow, Summary, read_summary, write_summary};

use super::{Run, newest::Newest};
use crate::{
    checkpoint::Checkpoint,
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
        for (index, method) in recipe.methods.iter().enumerate() {
            if matches!(
                &method.schedule,
                Some(WeightSchedule::Cosine(WeightCosine { epochs: None, .. }))
            ) {
                let reason = "the weight has come down to its end, and what a longer run would have done before is past: a cosine over \
                              `epochs` of its own goes on";
                return Err(EngineError::invalid_plan(
                    format!("methods.{index}.schedule"),
                    reason,
                ));
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
    /// A checkpoint that is broken or belongs to another recipe; images or teachers that are not those that the run began with; rounds of a
    /// method that a longer run would have had elsewhere.
    pub fn extend(plan: Plan, folder: RunFolder) -> Result<Self, EngineError> {
        let summary = finished_summary(&folder)?;
        let folder = folder.claim()?;
        folder.tidy()?;
        let (before, longer) = (recipe_digest(&folder)?, plan.spec.hash()?);
        let newest = Newest::read(folder.last())?;
        let state = &newest.state;
        if state.recipe != before && !is_cut_off(state, &before) {
            let reason = "it is not the last checkpoint of the run that is to go on".into();
            let file = newest.path;
            return Err(EngineError::Checkpoint { file, reason });
        }
        let text = plan.spec.text()?;
        let (recipe, summary_file) = (folder.recipe(), folder.summary());
        let mut run = Self::continued(plan, folder, newest, longer)?;
        check_past(&run.rows, &run.spec.timeline)?;
        run.extends = Some(before);
        run.save(false)?;
        run.extends = None;
        let unfinished = Summary {
            finished: false,
            epochs: run.spec.epochs(),
            recipe_hash: run.recipe_hash.clone(),
            ..summary
        };
        write_summary(summary_file, &unfinished)?;
        // Last: as long as it is the shorter one, the run can be extended once more, by as many epochs or others.
        write_atomically(&recipe, text.as_bytes()).map_err(EngineError::io("write", recipe))?;
        Ok(run)
    }
}

fn finished_summary(folder: &RunFolder) -> Result<Summary, EngineError> {
    if folder.summary().is_file() {
        let summary = read_summary(folder.summary())?;
        let recipe = recipe_digest(folder)?;
        if summary.finished && summary.recipe_hash == recipe {
            return Ok(summary);
        }
        if Checkpoint::read(&folder.last()).is_ok_and(|(state, _)| is_cut_off(&state, &recipe)) {
            return Ok(summary);
        }
    }
    Err(EngineError::Unfinished(folder.path().into()))
}

/// The fingerprint of the recipe in a folder.
fn recipe_digest(folder: &RunFolder) -> Result<String, EngineError> {
    let path = folder.recipe();
    let text = read_text(&path).map_err(EngineError::io("read", path))?;
    Ok(Digest::of(text))
}

/// Whether this is the state of a run with that recipe, at its end, which was being extended when the process was killed.
fn is_cut_off(state: &Checkpoint, recipe: &str) -> bool {
    state.extends.as_deref() == Some(recipe)
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
