//! Phases: what trains when, one after the other.

use serde::{Deserialize, Serialize};

use crate::optimizer::OptimizerSpec;
use crate::recipe::Train;
use crate::schedule::Schedule;

/// One entry of `train.phases`, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSpec {
    /// The phase's name in logs.
    pub name: String,
    /// Its length, at least 1.
    pub epochs: usize,
    /// What is trained: `student`, `teacher`, or the kind of a method for the method's modules; everything if
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trains: Option<Vec<String>>,
    /// Its optimizer; that of `[train]` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerSpec>,
    /// Its schedule; that of `[train]` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// A phase with nothing left open.
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
        let written = if self.phases.is_empty() {
            std::slice::from_ref(&whole)
        } else {
            self.phases.as_slice()
        };
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
