//! `potstill compare`: runs side by side, with mean and spread over seeds.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use potstill_engine::pictures_of_runs;
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
    /// Draw some test images with the truth and with what the teacher and the student of each run say, as an SVG file. Of a folder of seeds
    /// the first is taken.
    #[arg(long, value_name = "FILE")]
    pub pictures: Option<PathBuf>,
    /// How many images are drawn.
    #[arg(long, default_value_t = 8, value_name = "N", requires = "pictures", value_parser = clap::value_parser!(u32).range(1..))]
    pub images: u32,
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

/// What a finished run has in its folder.
const SUMMARY: &str = "summary.json";

/// Reads the runs and prints the table.
pub fn run(arguments: &CompareArguments) -> Result<(), Failure> {
    let comparison = of_folders(&arguments.runs)?;
    if let Some(path) = &arguments.pictures {
        draw(&arguments.runs, arguments.images as usize, path)?;
    }
    print(&match arguments.format {
        _ if arguments.json => comparison.json(),
        TableFormat::Json => comparison.json(),
        TableFormat::Text => comparison.text(),
        TableFormat::Markdown => comparison.markdown(),
    })
}

/// Draws what the students of the runs say.
fn draw(folders: &[PathBuf], images: usize, path: &Path) -> Result<(), Failure> {
    let runs = folders.iter().map(|folder| first_run(folder));
    let picture = pictures_of_runs(&runs.collect::<Result<Vec<_>, _>>()?, images)?;
    potstill_base::write_atomically(path, picture.as_bytes())
        .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))
}

/// The folder itself if it is a run, or that of its first seed.
fn first_run(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.join(SUMMARY).is_file() {
        return Ok(folder.to_owned());
    }
    let seeds = summaries_of_seeds(folder)?;
    let first = seeds.first().and_then(|summary| summary.parent());
    first.map(Path::to_owned).ok_or_else(|| no_run(folder))
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
    let summary = folder.join(SUMMARY);
    if summary.is_file() {
        let run = read_summary(summary)?;
        return Ok(RunGroup {
            name: run.name.clone(),
            runs: vec![run],
        });
    }
    let seeds = summaries_of_seeds(folder)?;
    let runs = seeds.iter().map(read_summary).collect::<Result<Vec<_>, _>>()?;
    let first = runs.first().ok_or_else(|| no_run(folder))?;
    Ok(RunGroup {
        name: first.name.clone(),
        runs,
    })
}

/// The summaries of the finished runs in a folder of seeds, in order.
fn summaries_of_seeds(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = folder
        .read_dir()
        .map_err(|error| Failure::Work(format!("cannot read {}: {error}", folder.display())))?;
    let mut seeds: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path().join(SUMMARY))
        .filter(|path| path.is_file())
        .collect();
    seeds.sort();
    Ok(seeds)
}

fn no_run(folder: &Path) -> Failure {
    Failure::Usage(format!(
        "{} is no finished run: it has neither a summary.json nor folders of seeds that have one",
        folder.display()
    ))
}
