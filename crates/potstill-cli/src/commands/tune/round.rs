//! One round: the runs of its candidates, as long as the budget lasts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use potstill_engine::{CheckpointReport, RunFolder};
use potstill_report::{Spread, read_metrics, read_summary};

use super::{
    budget::within,
    halving::{Fate, Halving, Measured},
};
use crate::{
    commands::sweep::{Attempt, Cell, State, attempt},
    failure::Failure,
    printed::tell,
};

impl Halving {
    /// Runs the candidates of a round in their order, and notes what they came to. Whether all of them had their turn before the budget was
    /// spent.
    pub(super) fn train_round(
        &mut self,
        round: usize,
        entrants: &[usize],
        stop: &Arc<AtomicBool>,
        quiet: bool,
    ) -> Result<bool, Failure> {
        let mut in_time = true;
        for (place, candidate) in entrants.iter().enumerate() {
            if !quiet {
                tell!(
                    "round {} of {}, {} of {}: {}, {} epochs",
                    round + 1,
                    self.rounds.len(),
                    place + 1,
                    entrants.len(),
                    self.candidates[*candidate].cell,
                    self.epochs(*candidate, round)
                );
            }
            in_time &= self.train(*candidate, round, stop, quiet)?;
        }
        Ok(in_time)
    }

    /// Runs all seeds of a candidate. Whether there was time for all.
    fn train(
        &mut self,
        candidate: usize,
        round: usize,
        stop: &Arc<AtomicBool>,
        quiet: bool,
    ) -> Result<bool, Failure> {
        let before = self.spent();
        let mut result = Measured {
            epochs: self.epochs(candidate, round),
            score: None,
            seconds: 0.0,
        };
        let mut scores = Vec::new();
        let mut in_time = true;
        for mut cell in self.cells(candidate, round)? {
            let left = self.budget.seconds - before - result.seconds - seconds(&cell)?;
            if cell.state != State::Finished && (left <= 0.0 || self.is_spent) {
                result.seconds += seconds(&cell)?;
                in_time = false;
                break;
            }
            let overwrite = self.overwrite;
            let (attempt, is_up) = match was_refused(&cell) {
                // It would come to the same step again.
                Some(reason) => (Attempt::Failed(reason), false),
                None => within(left, stop, |flag| attempt(&mut cell, overwrite, flag, quiet)),
            };
            result.seconds += seconds(&cell)?;
            match attempt {
                Attempt::Finished => match self.score(&cell)? {
                    Some(score) => scores.push(score),
                    None => self.fail(candidate, round, "what was measured of it is not a number"),
                },
                Attempt::Failed(reason) => {
                    self.fail(candidate, round, &was_refused(&cell).unwrap_or(reason));
                }
                Attempt::Interrupted if is_up && !stop.load(Ordering::Relaxed) => {
                    // What a run takes besides its steps is on no account.
                    self.is_spent = true;
                    in_time = false;
                    break;
                }
                Attempt::Interrupted => {
                    return Err(Failure::Interrupted(format!(
                        "interrupted in round {}; what was under way is saved: the same command goes on",
                        round + 1
                    )));
                }
                Attempt::Elsewhere => {
                    return Err(Failure::Work(format!(
                        "{} is in use: one process tunes at a time",
                        cell.folder.display()
                    )));
                }
            }
            if self.candidates[candidate].fate.is_some() {
                break;
            }
        }
        let runs = self.candidates[candidate].runs.len();
        result.score = Spread::of(&scores).filter(|score| score.n == runs);
        self.candidates[candidate].results.push(result);
        Ok(in_time)
    }

    fn fail(&mut self, candidate: usize, round: usize, reason: &str) {
        let reason = format!("failed in round {}: {}", round + 1, reason.replace('\n', " "));
        self.candidates[candidate].fate = Some(Fate::Dropped(reason));
    }

    /// The headline on the validation images after the last epoch of a finished run; none if it is no number.
    fn score(&mut self, cell: &Cell) -> Result<Option<f64>, Failure> {
        let summary = read_summary(RunFolder::open(&cell.folder)?.summary())?;
        let value = summary
            .validation
            .as_ref()
            .and_then(|found| summary.headline_of(&found.last));
        self.headline = Some(summary.metrics.headline);
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// Why a run cannot go on that was stopped at a step whose loss is no number; none of other runs.
fn was_refused(cell: &Cell) -> Option<String> {
    let place = RunFolder::open(&cell.folder).ok()?;
    let stopped = cell.state == State::Started && place.refused().is_file();
    stopped.then(|| {
        let folder = cell.folder.display();
        format!("a loss is not a number; `potstill replay {folder}` looks into the step")
    })
}

/// How long a run has trained, finished or not: of one that was stopped its last checkpoint knows.
fn seconds(cell: &Cell) -> Result<f64, Failure> {
    let Ok(place) = RunFolder::open(&cell.folder) else {
        return Ok(0.0);
    };
    if place.summary().is_file() {
        return Ok(read_summary(place.summary())?.seconds);
    }
    if let Ok(checkpoint) = CheckpointReport::read(&place.last()) {
        return Ok(checkpoint.seconds);
    }
    // A run that has no checkpoint yet, or a broken one, which goes on from the one before.
    if !place.metrics().is_file() {
        return Ok(0.0);
    }
    Ok(read_metrics(place.metrics())?.iter().map(|row| row.seconds).sum())
}
