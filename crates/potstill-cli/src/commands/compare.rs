//! `potstill compare`: runs side by side, with mean and spread over seeds.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use potstill_report::{Comparison, RunGroup, compare, read_summary};

use crate::{commands::print, failure::Failure};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Folders of runs; a folder of seeds is one row with mean and spread.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
    /// Short for `--format json`.
    #[arg(long)]
    pub json: bool,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal.
    Text,
    /// For a document.
    Markdown,
    /// For a program.
    Json,
}

/// Reads the runs and prints the table.
pub fn run(arguments: &CompareArguments) -> Result<(), Failure> {
    let comparison = of_folders(&arguments.runs)?;
    print(&match arguments.format {
        _ if arguments.json => comparison.json(),
        TableFormat::Json => comparison.json(),
        TableFormat::Text => comparison.text(),
        TableFormat::Markdown => comparison.markdown(),
    })
}

/// Compares the runs in these folders.
pub fn of_folders(folders: &[PathBuf]) -> Result<Comparison, Failure> {
    let groups = folders
        .iter()
        .map(|folder| group(folder))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(compare(&groups)?)
}

/// A folder that is a run, or that holds one for each seed.
fn group(folder: &Path) -> Result<RunGroup, Failure> {
    let summary = folder.join("summary.json");
    if summary.is_file() {
        let run = read_summary(summary)?;
        return Ok(RunGroup {
            name: run.name.clone(),
            runs: vec![run],
        });
    }
    let mut seeds: Vec<PathBuf> = match folder.read_dir() {
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.path().join("summary.json"))
            .filter(|path| path.is_file())
            .collect(),
        Err(error) => {
            return Err(Failure::Work(format!(
                "cannot read {}: {error}",
                folder.display()
            )));
        }
    };
    seeds.sort();
    let runs = seeds.iter().map(read_summary).collect::<Result<Vec<_>, _>>()?;
    match runs.first() {
        Some(first) => Ok(RunGroup {
            name: first.name.clone(),
            runs,
        }),
        None => Err(Failure::Usage(format!(
            "{} is no finished run: it has neither a summary.json nor folders of seeds that have one",
            folder.display()
        ))),
    }
}
