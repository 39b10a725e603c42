//! The binary: arguments to library calls to printed lines.
//!
//! Results go to standard output; progress and messages to standard error. This file is the one place that prints an error.
//! Exit codes: 0 done, 1 failed, 2 bad usage or recipe, 130 interrupted after saving.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what the binary is for"
)]

mod arguments;
mod choice;
mod commands;
mod data_part;
mod failure;
mod hint;
mod image_size;
mod interrupt;
mod model_name;
mod network_arguments;
mod open_arguments;
mod opened;
mod printed;
mod progress_lines;
mod published_name;
mod recipes;
mod teacher_recipes;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::{arguments::Arguments, failure::Failure, printed::tell};

/// Feature maps of one step are the memory of the next.
#[global_allocator]
static ALLOCATOR: potstill_ops::Recycler = potstill_ops::Recycler::new();

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            tell!("{failure}");
            failure.exit_code()
        }
    }
}
