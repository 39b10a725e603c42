//! A phase: a stretch of epochs in which the same parts train, with one optimiser and one schedule.

use std::ops::Range;

use potstill_methods::StudentEpoch;
use potstill_recipe::{self as recipe, OptimizerSpec, Recipe, Schedule};

/// A stretch of epochs. Most runs have one.
///
/// ```
/// use potstill_engine::Phase;
/// use potstill_methods::StudentEpoch;
/// use potstill_recipe::Sgd;
///
/// let phase = Phase::whole(3, Sgd::with_rate(0.1).into());
/// assert_eq!((phase.epochs.clone(), phase.rate(StudentEpoch(2), 0, 10)), (0..3, 0.1));
/// ```
#[derive(Debug, Clone)]
pub struct Phase {
    /// The name in logs and metrics.
    pub name: String,
    /// Its epochs, counted from 0 over the student's whole training.
    pub epochs: Range<usize>,
    /// The parts that train (`student`, names of teachers and methods); all if `None`.
    pub trains: Option<Vec<String>>,
    /// Its optimiser, which starts without state.
    pub optimizer: OptimizerSpec,
    /// Its learning rates, over its own epochs.
    pub schedule: Schedule,
}

impl Phase {
    /// A whole training of so many epochs, in which everything trains at a constant learning rate.
    pub fn whole(epochs: usize, optimizer: OptimizerSpec) -> Self {
        Self {
            name: "train".into(),
            epochs: 0..epochs,
            trains: None,
            optimizer,
            schedule: Schedule::default(),
        }
    }

    /// The phases of a recipe, laid end to end.
    pub fn of(text: &Recipe) -> Vec<Self> {
        let mut begin = 0;
        let phases = text.phases().into_iter().map(|phase| {
            let epochs = begin..phase.epochs.saturating_add(begin);
            begin = epochs.end;
            let recipe::Phase {
                name,
                trains,
                optimizer,
                schedule,
                ..
            } = phase;
            Self {
                name,
                epochs,
                trains,
                optimizer,
                schedule,
            }
        });
        phases.collect()
    }

    /// The phase of this epoch of the student; the last one beyond the end.
    pub(crate) fn at(phases: &[Self], StudentEpoch(epoch): StudentEpoch) -> &Self {
        phases
            .iter()
            .find(|phase| phase.epochs.contains(&epoch))
            .unwrap_or(&phases[phases.len() - 1])
    }

    /// Whether this part trains.
    pub fn trains(&self, part: &str) -> bool {
        self.trains
            .as_ref()
            .is_none_or(|parts| parts.iter().any(|name| name == part))
    }

    /// The learning rate of a step: `step` counts within the epoch of `steps`.
    pub fn rate(&self, epoch: StudentEpoch, step: usize, steps: usize) -> f64 {
        self.rate_from(self.optimizer.lr(), epoch, step, steps)
    }

    /// The same for a rule whose own rate is `base`.
    pub(crate) fn rate_from(&self, base: f64, epoch: StudentEpoch, step: usize, steps: usize) -> f64 {
        self.schedule
            .lr(base, epoch.0 - self.epochs.start, step, steps, self.epochs.len())
    }
}
