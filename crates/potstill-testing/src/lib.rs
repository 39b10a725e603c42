//! What the tests of several crates share. A crate has it among its dev-dependencies only.
//!
//! * [`numbers`]: recorded numbers, numbers by formula, and how near two lists of them must be;
//! * `command` and `pictures` (feature `command`): a folder in which a program is run, pictures to put into it, and shared files;
//! * `networks`, `heads`, `prepare` and `classics` (feature `methods`): methods planned for small networks, what they prepare with, and recorded cases of them;
//! * `recipe` and `runs` (feature `runs`): a recipe whose run takes seconds; runs that are stopped, resumed and compared to the bit.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test reports")]

#[cfg(feature = "methods")]
pub mod classics;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "methods")]
pub mod heads;
#[cfg(feature = "methods")]
pub mod networks;
pub mod numbers;
#[cfg(feature = "command")]
pub mod pictures;
#[cfg(feature = "methods")]
pub mod prepare;
#[cfg(feature = "runs")]
pub mod recipe;
#[cfg(feature = "runs")]
pub mod runs;
