//! Potstill: knowledge distillation for vision models.
//!
//! This crate is the front door of the library: [`prelude`] has what a program needs to read a recipe, run it and use the
//! student. The binary of the same name is a thin layer over it.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use potstill::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = Recipe::from_path("recipes/demo-student.toml", &["train.epochs=2".into()])?;
//! let folder = RunFolder::create("runs/mine".as_ref(), false)?;
//! let mut run = Run::start(Plan::new(recipe)?, folder)?;
//! run.go(&mut Silent, &AtomicBool::new(false))?;
//! # Ok(())
//! # }
//! ```

/// What a program needs to distil.
pub mod prelude {
    pub use potstill_data::{Augment, Dataset, Normalise, Split, open};
    pub use potstill_engine::{
        CheckpointChoice, EngineError, Evaluation, NoObserver, Observer, Outcome, Plan, Run, RunFolder,
        Source, VisionModel, evaluate, export,
    };
    pub use potstill_methods::{
        Event, LossTerm, Method, MethodError, MethodInfo, NetworkOutput, Part, Reads, StepContext,
        StudentEpoch, StudentStep, TeacherUse,
    };
    pub use potstill_models::{Model, probe, weights};
    pub use potstill_ops::{Frozen, Mode, Pass, Point, Scope, Taps, Visitor};
    pub use potstill_random::Seed;
    pub use potstill_recipe::Recipe;
}
