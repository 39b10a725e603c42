//! What the tests of several crates share. A crate has it among its dev-dependencies only.
//!
//! * [`numbers`]: recorded numbers, numbers by formula, and how near two lists of them must be;
//! * `recipe` and `runs` (feature `runs`): a recipe whose run takes seconds; runs that are stopped, resumed and compared to the bit.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test reports")]

pub mod numbers;
#[cfg(feature = "runs")]
pub mod recipe;
#[cfg(feature = "runs")]
pub mod runs;
