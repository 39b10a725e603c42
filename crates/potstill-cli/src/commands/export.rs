//! `potstill export`: the student of a run as a folder that deploys.

use std::path::PathBuf;

use clap::Args;
use potstill_engine::{CheckpointChoice, RunFolder, export};

use crate::{failure::Failure, printed::tell};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The folder of the run.
    pub run: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The student of the best epoch instead of the last. It was chosen by looking at the test images.
    #[arg(long)]
    pub best: bool,
}

/// Writes the folder.
pub fn run(arguments: &ExportArguments, quiet: bool) -> Result<(), Failure> {
    let folder = RunFolder::open(&arguments.run)?;
    let choice = if arguments.best {
        CheckpointChoice::Best
    } else {
        CheckpointChoice::Last
    };
    export(&folder, choice, &arguments.out)?;
    if !quiet {
        tell!(
            "{}: model.safetensors, config.json, README.md",
            arguments.out.display()
        );
    }
    Ok(())
}
