//! Runs the cells of a sweep, one after the other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use potstill_engine::{EngineError, Outcome};

use super::{Cell, State, SweepArguments, planned::is_of_cache};
use crate::{
    commands::train::{self, Existing},
    failure::Failure,
    printed::tell,
};

/// How a sweep ended.
#[derive(Debug, Default)]
pub struct End {
    /// Runs that failed, by name, and why.
    pub failed: Vec<(String, String)>,
    /// Runs that another process works at.
    pub elsewhere: Vec<String>,
    /// Whether it was asked to stop.
    interrupted: bool,
}

impl End {
    /// Whether every run came to its end here or elsewhere.
    pub fn is_clean(&self) -> bool {
        !self.interrupted && self.failed.is_empty()
    }

    /// What the command answers.
    pub fn into_result(self, cells: &[Cell]) -> Result<(), Failure> {
        if self.interrupted {
            return Err(interrupted(cells));
        }
        if self.failed.is_empty() {
            if !self.elsewhere.is_empty() {
                tell!("under way in other processes: {}", self.elsewhere.join(", "));
            }
            return Ok(());
        }
        let reasons = self.failed.iter();
        let reasons: Vec<String> = reasons
            .map(|(name, reason)| format!("{name}: {reason}"))
            .collect();
        Err(Failure::Work(format!(
            "{} of {} runs failed; the same command tries them again\n{}",
            self.failed.len(),
            cells.len(),
            reasons.join("\n")
        )))
    }
}

/// What is said of a sweep that was asked to stop.
pub fn interrupted(cells: &[Cell]) -> Failure {
    let finished = cells.iter().filter(|cell| cell.state == State::Finished).count();
    Failure::Interrupted(format!(
        "interrupted; {finished} of {} runs are finished, and what was under way is saved: the same command goes on",
        cells.len()
    ))
}

/// What became of one run.
#[derive(Debug)]
pub enum Attempt {
    /// It is finished.
    Finished,
    /// It was asked to stop.
    Interrupted,
    /// Another process works there.
    Elsewhere,
    /// It failed.
    Failed(String),
}

/// Runs one cell to its end, from where it is.
pub fn attempt(cell: &mut Cell, overwrite: bool, stop: &Arc<AtomicBool>, quiet: bool) -> Attempt {
    // Another process may have come and gone since.
    if let Err(failure) = cell.look() {
        return Attempt::Failed(plain(&failure));
    }
    let existing = match &cell.state {
        State::Finished => return Attempt::Finished,
        State::Changed(_) if overwrite => Existing::Overwrite,
        State::Changed(how) => return Attempt::Failed(format!("it is of another recipe by now: {how}")),
        State::Todo | State::Started => Existing::Resume,
    };
    let run = |cell: &Cell| train::into_folder(cell.run.recipe.clone(), &cell.folder, existing, stop, quiet);
    let ended = match run(cell) {
        // Known only once the teacher has looked at images.
        Err(EngineError::InvalidPlan { key, reason })
            if is_of_cache(&key) && cell.without_cache.is_some() && !has_steps(cell) =>
        {
            tell!("{}: what the teacher says is not kept: {reason}", cell.run.cell);
            cell.give_up_the_cache();
            train::into_folder(
                cell.run.recipe.clone(),
                &cell.folder,
                Existing::Overwrite,
                stop,
                quiet,
            )
        }
        ended => ended,
    };
    match ended {
        Ok(Outcome::Finished) => {
            cell.state = State::Finished;
            Attempt::Finished
        }
        Ok(Outcome::Interrupted) => {
            cell.state = State::Started;
            Attempt::Interrupted
        }
        Err(EngineError::InUse { .. } | EngineError::Exists(_)) => Attempt::Elsewhere,
        Err(error) => {
            let begun = cell.folder.join("recipe.toml").is_file();
            cell.state = if begun { State::Started } else { State::Todo };
            Attempt::Failed(plain(&Failure::from(error)))
        }
    }
}

/// Whether the run has come to a checkpoint, which nothing may lose.
fn has_steps(cell: &Cell) -> bool {
    cell.folder.join("last.safetensors").is_file()
}

/// A failure without the word in front.
fn plain(failure: &Failure) -> String {
    let text = failure.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

/// Runs every cell that is not finished.
pub fn run_all(cells: &mut [Cell], arguments: &SweepArguments, stop: &Arc<AtomicBool>, quiet: bool) -> End {
    let mut end = End::default();
    let count = cells.len();
    for (index, cell) in cells.iter_mut().enumerate() {
        if !cell.is_open() {
            continue;
        }
        if stop.load(Ordering::Relaxed) {
            end.interrupted = true;
            break;
        }
        let name = cell.id();
        if !quiet {
            tell!("run {} of {count}: {name}", index + 1);
        }
        match attempt(cell, arguments.overwrite, stop, quiet) {
            Attempt::Finished => {}
            Attempt::Interrupted => {
                end.interrupted = true;
                break;
            }
            Attempt::Elsewhere => end.elsewhere.push(name),
            Attempt::Failed(reason) => {
                tell!("{name} failed: {reason}");
                end.failed.push((name, reason));
                if arguments.stop_on_failure {
                    break;
                }
            }
        }
    }
    end
}

/// Trains the teachers of the cells that are students of runs that are not finished.
pub fn teachers(cells: &[Cell], stop: &Arc<AtomicBool>, quiet: bool) -> Result<(), Failure> {
    for cell in cells.iter().filter(|cell| cell.is_open()) {
        let overrides = cell.run.changes.iter();
        let overrides: Vec<String> = overrides.map(potstill_recipe::Change::as_override).collect();
        train::with_teachers(&cell.run.recipe, &overrides, stop, quiet)?;
    }
    Ok(())
}
