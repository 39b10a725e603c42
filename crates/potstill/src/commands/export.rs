//! `potstill export`: the student of a run as a folder that deploys.

use potstill_engine::{CheckpointChoice, Plan, RunFolder, export};

use crate::{arguments::ExportArguments, failure::Failure, recipes};

/// Writes the folder.
pub fn run(arguments: &ExportArguments, quiet: bool) -> Result<(), Failure> {
    let folder = RunFolder::open(&arguments.run)?;
    let recipe = recipes::read(&folder.recipe().to_string_lossy(), &[])?;
    let choice = if arguments.best {
        CheckpointChoice::Best
    } else {
        CheckpointChoice::Last
    };
    export(Plan::new(recipe)?, &folder, choice, &arguments.out)?;
    if !quiet {
        eprintln!(
            "{}: model.safetensors, config.json, README.md",
            arguments.out.display()
        );
    }
    Ok(())
}
