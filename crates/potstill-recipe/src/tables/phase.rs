//! `[[train.phases]]`: what trains when, one after the other.

use potstill_settings::settings;

use super::optimizer::OptimizerSpec;
use super::schedule::Schedule;
use super::train::Train;

settings! {
    /// One entry of `train.phases`, as written.
    pub struct PhaseSpec {
        /// The phase's name in logs.
        pub name: String = example "warm",
        /// How many times to go through the training images.
        pub epochs: usize [at_least(1.0)] = example 1,
        /// What trains in it: `student`, the name of a teacher (`teacher` for the only one), or the name of a
        /// method for its modules.
        pub trains: Option<Vec<String>> [not_empty()] = without "everything" like ["student"],
        /// Its optimizer.
        pub optimizer: Option<OptimizerSpec> = without "`train.optimizer`" like { kind = "sgd", lr = 0.01 },
        /// Its schedule, counted from the phase's start.
        pub schedule: Option<Schedule> = without "`train.schedule`" like { kind = "constant" },
    }
}
/// A phase with its optimizer and its schedule resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The phase's name in logs.
    pub name: String,
    /// Its length, at least 1.
    pub epochs: usize,
    /// What is trained (see [`PhaseSpec::trains`]); everything if none.
    pub trains: Option<Vec<String>>,
    /// Its optimizer.
    pub optimizer: OptimizerSpec,
    /// Its schedule, whose epochs count from the start of the phase.
    pub schedule: Schedule,
}

impl Train {
    /// The phases in their order, at least one: without `phases` a single one, `train`, that trains
    /// everything.
    pub fn resolved_phases(&self) -> Vec<Phase> {
        let whole = PhaseSpec {
            name: "train".to_owned(),
            epochs: self.epochs.unwrap_or(1),
            trains: None,
            optimizer: None,
            schedule: None,
        };
        let written = self.phases.as_deref().unwrap_or(std::slice::from_ref(&whole));
        written.iter().cloned().map(|phase| self.resolve(phase)).collect()
    }

    fn resolve(&self, phase: PhaseSpec) -> Phase {
        Phase {
            name: phase.name,
            epochs: phase.epochs,
            trains: phase.trains,
            optimizer: phase.optimizer.unwrap_or_else(|| self.optimizer.clone()),
            schedule: phase.schedule.unwrap_or_else(|| self.schedule.clone()),
        }
    }
}
