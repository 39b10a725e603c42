//! From a recipe to a run folder.
//!
//! A [`Plan`] is a recipe resolved against real networks and data; everything that can be wrong is found while making it.
//! A [`Run`] is a loop over the plan's phases. It tells an [`Observer`] what happens, writes a [`RunFolder`], can be
//! interrupted after any step and resumed to the same bits.

mod backward;
mod bench;
mod checkpoint;
mod clip;
mod error;
mod estimate;
mod evaluate;
mod export;
mod inputs;
mod learner;
mod machine;
mod network;
mod network_input;
mod observer;
mod optimizer;
mod phase;
mod plan;
mod run;
mod run_folder;
mod running_mean;
mod search_step;
mod step;
mod step_profile;
mod teacher;
mod timeline;
mod verify;

pub use bench::{BenchReport, BenchSetup, Milliseconds, PartReport, bench, bench_inference};
pub use checkpoint::{Best, Checkpoint, Position};
pub use clip::clip_by_global_norm;
pub use error::EngineError;
pub use estimate::Estimate;
pub use evaluate::{Evaluation, evaluate};
pub use export::{CheckpointChoice, export};
pub use machine::peak_rss_mb;
pub use network::{ModelConfig, Network, Source};
pub use network_input::NetworkInput;
pub use observer::{NoObserver, Observer, StepProgress, epoch_line};
pub use optimizer::Optimizer;
pub use phase::Phase;
pub use plan::{Plan, default_input};
pub use run::{Outcome, Run};
pub use run_folder::RunFolder;
pub use step_profile::StepPart;
pub use teacher::PlannedTeacher;
pub use timeline::{EpochKind, Timeline};
pub use verify::{PairScore, Verification, verification, verify};
