//! Training steps: what trains, what it is given, how it moves.

pub(crate) mod backward;
pub(crate) mod inputs;
pub(crate) mod learner;
pub(crate) mod profile;
pub(crate) mod search_step;
pub(crate) mod step;
