//! One command, one file.

pub mod bench;
pub mod compare;
pub mod data;
pub mod demo;
pub mod eval;
pub mod explain;
pub mod export;
pub mod inspect;
mod inspect_checkpoint;
mod inspect_onnx;
pub mod list;
pub mod plan;
pub mod predict;
pub mod replay;
pub mod reproduce;
pub mod schema;
pub mod score;
pub mod sweep;
pub mod train;
pub mod tune;
pub mod verify;

use std::io;

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Command},
    failure::Failure,
    printed::{print, print_json},
};

/// Does what the arguments say.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Some(threads) = arguments.threads {
        // Both pools, of the kernels and of the tensor library.
        potstill_ops::set_threads(usize::from(threads));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global();
        pool.map_err(|error| Failure::Work(format!("cannot start {threads} threads: {error}")))?;
    }
    let quiet = arguments.quiet;
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, quiet),
        Command::Train(arguments) => train::run(&arguments, quiet),
        Command::Sweep(arguments) => sweep::run(&arguments, quiet),
        Command::Tune(arguments) => tune::run(&arguments, quiet),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments, quiet),
        Command::Predict(arguments) => predict::run(&arguments, quiet),
        Command::Verify(arguments) => verify::run(&arguments, quiet),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Schema => schema::run(),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments, quiet),
        Command::Reproduce(arguments) => reproduce::run(&arguments, quiet),
        Command::Export(arguments) => export::run(&arguments, quiet),
        Command::Data(command) => data::run(&command, quiet),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "potstill", &mut io::stdout());
            Ok(())
        }
    }
}
