//! `potstill export`: the student of a run as a folder that deploys.

use potstill_engine::{Plan, RunFolder, Which, export};

use crate::{arguments::ExportArguments, failure::Failure, recipes};

/// Writes the folder.
pub fn run(arguments: &ExportArguments, quiet: bool) -> Result<(), Failure> {
    let folder = RunFolder::open(&arguments.run)?;
    let recipe = recipes::read(&folder.recipe().to_string_lossy(), &[])?;
    let which = if arguments.best { Which::Best } else { Which::Last };
    export(Plan::new(recipe)?, &folder, which, &arguments.out)?;
    if !quiet {
        eprintln!(
            "{}: model.safetensors, config.json, README.md",
            arguments.out.display()
        );
    }
    Ok(())
}
