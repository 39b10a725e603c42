//! The doors through which files of strangers come in, each as a function of bytes that must come back, whatever they are.
//!
//! * [`DOORS`]: the functions by their names, which are those of the fuzz targets in `fuzz/` and of the folders of its corpus;
//! * [`changed`]: bytes that differ a little from others, for a machine on which no fuzzer is installed.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a door reports that its own folder is broken"
)]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a door reports")]

mod changes;
mod doors;

pub use changes::changed;
pub use doors::{DOORS, Door};
