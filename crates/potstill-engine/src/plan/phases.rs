//! A phase: a stretch of epochs in which the same parts train, with one optimiser and one schedule.

use std::ops::Range;

use potstill_recipe::{self as recipe, OptimizerSpec, Recipe, Schedule};

use crate::EngineError;

/// A stretch of epochs. Most runs have one.
#[derive(Debug, Clone)]
pub struct Phase {
    /// The name in logs and metrics.
    pub name: String,
    /// Its epochs, counted from 0 over the whole run.
    pub epochs: Range<usize>,
    /// The parts that train (`student`, `teacher`, names of methods); none for all.
    pub trains: Option<Vec<String>>,
    /// Its optimiser, which starts without state.
    pub optimizer: OptimizerSpec,
    /// Its learning rates, over its own epochs.
    pub schedule: Schedule,
}

impl Phase {
    /// The phase of this epoch of the student; the last one beyond the end.
    pub(crate) fn at(phases: &[Self], epoch: usize) -> &Self {
        phases
            .iter()
            .find(|phase| phase.epochs.contains(&epoch))
            .unwrap_or(&phases[phases.len() - 1])
    }

    /// The phases of a recipe, laid end to end.
    ///
    /// # Errors
    /// A phase that trains something that is not in the recipe.
    pub fn of(text: &Recipe) -> Result<Vec<Self>, EngineError> {
        let mut begin = 0;
        let ids = text.method_ids();
        let phases = text.phases().into_iter().map(|phase| {
            for part in phase.trains.iter().flatten() {
                let teacher = text.all_teachers().iter().any(|(name, _)| name == part);
                if part != "student" && !teacher && !ids.contains(part) {
                    let name = &phase.name;
                    let reason = format!(
                        "phase `{name}` trains `{part}`, which is neither `student` nor a listed method"
                    );
                    return Err(EngineError::invalid_plan("train.phases", reason));
                }
            }
            let epochs = begin..begin + phase.epochs;
            begin = epochs.end;
            let recipe::Phase {
                name,
                trains,
                optimizer,
                schedule,
                ..
            } = phase;
            Ok(Self {
                name,
                epochs,
                trains,
                optimizer,
                schedule,
            })
        });
        phases.collect()
    }

    /// Whether this part trains.
    pub fn trains(&self, part: &str) -> bool {
        self.trains
            .as_ref()
            .is_none_or(|parts| parts.iter().any(|name| name == part))
    }

    /// The learning rate of a step: `epoch` counts over the whole run, `step` within the epoch of `steps`.
    pub fn rate(&self, epoch: usize, step: usize, steps: usize) -> f64 {
        self.rate_from(self.optimizer.lr(), epoch, step, steps)
    }

    /// The same for a rule whose own rate is `base`.
    pub(crate) fn rate_from(&self, base: f64, epoch: usize, step: usize, steps: usize) -> f64 {
        self.schedule
            .lr(base, epoch - self.epochs.start, step, steps, self.epochs.len())
    }
}
