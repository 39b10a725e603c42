//! `potstill compare`: runs side by side, with mean and spread over seeds.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use potstill_engine::pictures_of_runs;
use potstill_metrics::MetricInfo;
use potstill_recipe::{Init, Recipe, Student};
use potstill_report::{Comparison, Curve, RunGroup, compare, curves_svg, read_metrics, read_summary};

use crate::{
    commands::print,
    failure::Failure,
    printed::{plain, write as write_out},
    published_name::published_name,
};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Folders of runs; a folder of seeds is one row with mean and spread, the folder of a sweep a row for each of its cells.
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
    /// Draw the headline and the loss of every run over the epochs, as an SVG file.
    #[arg(long, value_name = "FILE")]
    pub curves: Option<PathBuf>,
    /// How many images are drawn.
    #[arg(long, default_value_t = 8, value_name = "N", requires = "pictures", value_parser = clap::value_parser!(u32).range(1..))]
    pub images: u32,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal.
    Text,
    /// For a document, as papers have it: teacher, student alone, each method.
    Markdown,
    /// For a spreadsheet: a line for each row of all tables, numbers unrounded.
    Csv,
    /// For a paper, with the package `booktabs`.
    Latex,
    /// A page to look at.
    Html,
    /// For a program.
    Json,
}

/// What a finished run has in its folder.
const SUMMARY: &str = "summary.json";
/// What it has of each of its epochs.
const METRICS: &str = "metrics.jsonl";

/// Reads the runs and prints the table.
pub fn run(arguments: &CompareArguments) -> Result<(), Failure> {
    let rows: Vec<PathBuf> = arguments.runs.iter().flat_map(|folder| rows_of(folder)).collect();
    let comparison = of_folders(&rows)?;
    if let Some(path) = &arguments.pictures {
        draw(&rows, arguments.images as usize, path)?;
    }
    if let Some(path) = &arguments.curves {
        draw_curves(&rows, path)?;
    }
    print(&match arguments.format {
        _ if arguments.json => comparison.json(),
        TableFormat::Json => comparison.json(),
        TableFormat::Text => comparison.text(),
        TableFormat::Markdown => comparison.markdown(),
        TableFormat::Csv => return write_out(&plain(&comparison.csv())),
        TableFormat::Latex => comparison.latex(),
        TableFormat::Html => comparison.html(),
    })
}

/// Draws what the students of the runs say.
fn draw(folders: &[PathBuf], images: usize, path: &Path) -> Result<(), Failure> {
    let first = |folder: &PathBuf| Ok(runs_in(folder)?.swap_remove(0));
    let runs: Result<Vec<_>, Failure> = folders.iter().map(first).collect();
    write(path, &pictures_of_runs(&runs?, images)?)
}

/// Draws what every run measured after its epochs; the seeds of one folder share a colour.
fn draw_curves(folders: &[PathBuf], path: &Path) -> Result<(), Failure> {
    let mut headline: Option<MetricInfo> = None;
    let mut runs = Vec::new();
    for folder in folders {
        let found = runs_in(folder)?;
        let group = group_of(&found)?;
        for (run, summary) in found.iter().zip(&group.runs) {
            let own = &summary.metrics.headline;
            if let Some(other) = headline.as_ref().filter(|other| *other != own) {
                return Err(Failure::Usage(format!(
                    "{} is judged by {}, a run before it by {}: curves are drawn of runs with one measure",
                    run.display(),
                    own.label,
                    other.label
                )));
            }
            headline = Some(own.clone());
            runs.push((group.name.clone(), read_metrics(run.join(METRICS))?));
        }
    }
    let curves: Vec<Curve<'_>> = runs.iter().map(|(name, rows)| Curve { name, rows }).collect();
    match headline {
        Some(headline) => write(path, &curves_svg(&curves, &headline)),
        None => Ok(()),
    }
}

/// Writes a drawing.
fn write(path: &Path, drawing: &str) -> Result<(), Failure> {
    potstill_base::write_atomically(path, drawing.as_bytes())
        .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))
}

/// Compares the runs in these folders.
pub fn of_folders(folders: &[PathBuf]) -> Result<Comparison, Failure> {
    let groups = folders
        .iter()
        .map(|folder| group_of(&runs_in(folder)?))
        .collect::<Result<Vec<_>, _>>()?;
    let mut comparison = compare(&groups)?;
    comparison
        .notes
        .extend(folders.iter().filter_map(|folder| start_note(folder)));
    Ok(comparison)
}

/// What is said of seeds that begin with the same weights, those of an ONNX file.
fn start_note(folder: &Path) -> Option<String> {
    let runs = runs_in(folder).ok().filter(|runs| runs.len() > 1)?;
    let recipe = Recipe::from_path(runs.first()?.join("recipe.toml"), &[]).ok()?;
    let Student::Onnx(file) = &recipe.student else {
        return None;
    };
    (file.weights.is_none() && file.init == Init::File).then(|| {
        format!(
            "{}: all seeds begin with the weights of {}; they differ in the order of the data, and in what is drawn anew, alone",
            recipe.name,
            file.onnx.display()
        )
    })
}

/// The runs in these folders, which differ in their seeds alone; at least one.
pub fn group_of(folders: &[PathBuf]) -> Result<RunGroup, Failure> {
    let summaries = folders.iter().map(|run| read_summary(run.join(SUMMARY)));
    let runs = summaries.collect::<Result<Vec<_>, _>>()?;
    let name = runs.first().map_or_else(String::new, |run| run.name.clone());
    // Of a run that a program made there is no recipe; the kinds of its methods stand for it.
    let recipe = folders
        .first()
        .map(|folder| Recipe::from_path(folder.join("recipe.toml"), &[]));
    Ok(RunGroup {
        name,
        runs,
        published_as: recipe.and_then(Result::ok).as_ref().and_then(published_name),
    })
}

/// The folders of rows in a folder: of a sweep those of its cells in order, and else the folder itself.
fn rows_of(folder: &Path) -> Vec<PathBuf> {
    let itself = vec![folder.to_owned()];
    let Ok(inside) = inside(folder) else {
        return itself;
    };
    if is_finished(folder) || inside.iter().any(|run| is_finished(run)) {
        return itself;
    }
    let cells = inside.into_iter().filter(|cell| {
        let runs = self::inside(cell).unwrap_or_default();
        runs.iter().any(|run| is_finished(run))
    });
    let cells: Vec<PathBuf> = cells.collect();
    if cells.is_empty() { itself } else { cells }
}

/// What a folder holds, in order.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = folder
        .read_dir()
        .map_err(|error| Failure::Work(format!("cannot read {}: {error}", folder.display())))?;
    let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inside.sort();
    Ok(inside)
}

fn is_finished(run: &Path) -> bool {
    run.join(SUMMARY).is_file()
}

/// The finished runs in a folder, at least one: the folder itself, or those of its seeds in order.
fn runs_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if is_finished(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let mut seeds = inside(folder)?;
    seeds.retain(|run| is_finished(run));
    if seeds.is_empty() {
        return Err(no_run(folder));
    }
    Ok(seeds)
}

fn no_run(folder: &Path) -> Failure {
    Failure::Usage(format!(
        "{} is no finished run: it has neither a summary.json nor folders of seeds that have one",
        folder.display()
    ))
}
