//! Training steps: what trains, what it is given, how it moves.

pub(crate) mod accumulation;
mod alone;
mod apart;
pub(crate) mod backward;
mod cached_teacher;
mod dry_run;
pub(crate) mod error;
mod forward;
mod heads;
pub(crate) mod inputs;
pub(crate) mod learner;
pub(crate) mod parts;
pub(crate) mod profile;
pub(crate) mod search_step;
pub(crate) mod step;
pub(crate) mod teacher;
pub(crate) mod teacher_cache;
pub(crate) mod terms;
pub(crate) mod warped;
