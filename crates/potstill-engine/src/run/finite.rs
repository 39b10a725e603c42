//! Whether the numbers of a run are numbers still.

use potstill_metrics::LOSS;
use potstill_ops::Parameters;

use super::{Run, measure::Measured};
use crate::{error::EngineError, plan::phases::Phase, plan::timeline::EpochKind};

/// The first tensor of a module that holds a value that is no finite number.
pub(crate) fn not_finite(module: &dyn Parameters) -> Option<String> {
    let mut found = None;
    module.each(&mut |entry, values| {
        if found.is_none() && !values.into_data().iter::<f32>().all(f32::is_finite) {
            found = Some(entry.path.clone());
        }
    });
    found
}

impl Run {
    /// Refuses what was measured at the end of an epoch where its loss is no number.
    pub(super) fn check_measured(&self, found: &Measured) -> Result<(), EngineError> {
        for (name, metrics) in [("validation", &found.validation), ("test", &found.test)] {
            let loss = metrics.as_ref().and_then(|metrics| metrics.of(&LOSS));
            if let Some(loss) = loss.filter(|loss| !loss.is_finite()) {
                return Err(self.diverged(format!("its loss on the {name} images became {loss}"), 1));
            }
        }
        Ok(())
    }

    /// Refuses weights that are no numbers, of the student and of everything that trains beside it.
    pub(super) fn check_weights(&self) -> Result<(), EngineError> {
        let parts = self.learner.parts();
        let found = parts
            .iter()
            .find_map(|part| Some(format!("{}/{}", part.name, not_finite(part.module)?)));
        let Some(tensor) = found else { return Ok(()) };
        // The epoch that has just ended, or the one under way.
        let next = usize::from(self.position.step > 0);
        Err(self.diverged(
            format!("the tensor `{tensor}` holds values that are no finite numbers"),
            next,
        ))
    }

    /// The error of a run whose student is lost in the epoch that is so many after those that are done.
    fn diverged(&self, what: String, next: usize) -> EngineError {
        let done = self.position.epoch.0;
        let rate = match self.spec.timeline.at(self.position.epoch) {
            Some(EpochKind::Student { epoch }) => {
                let phase = Phase::at(&self.spec.phases, epoch);
                phase.rate(
                    epoch,
                    self.position.step.saturating_sub(1),
                    self.spec.steps_per_epoch(),
                )
            }
            _ => self.spec.phases.last().map_or(0.0, |phase| phase.optimizer.lr()),
        };
        let kept = match (self.saved, self.folder()) {
            (Some(saved), Some(folder)) => format!(
                "{} keeps the state after {} of the {} epochs{}",
                folder.last().display(),
                saved.epoch.0,
                self.spec.timeline.len(),
                match saved.step {
                    0 => String::new(),
                    step => format!(" and {step} steps"),
                }
            ),
            _ => "nothing was saved before".into(),
        };
        EngineError::Diverged {
            what,
            epoch: done + next,
            rate,
            kept,
        }
    }
}
