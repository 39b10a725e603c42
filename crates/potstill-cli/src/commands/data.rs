//! `potstill data`: look at images, or download them.

use std::{fmt::Write, path::PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use potstill_data::{CheckReport, DATA_ROOT, Split, check, fetch};

use crate::{
    choice::choice,
    commands::{print, print_json},
    failure::Failure,
    open_arguments::OpenArguments,
};

/// Commands on data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Read every image once: classes, sizes, mean and deviation, unreadable files.
    Check {
        /// A name or a path.
        source: String,
        /// Which part.
        #[arg(long, value_parser = choice::<Split>(), default_value_t = Split::Train)]
        split: Split,
        /// How the images are opened.
        #[command(flatten)]
        open: OpenArguments,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Download a data set from its official address, with its checksum; resumes what was begun.
    Fetch {
        /// The data set.
        name: String,
        /// The folder of all data sets.
        #[arg(long, default_value = DATA_ROOT, value_name = "DIR")]
        root: PathBuf,
    },
}

/// Checks or fetches.
pub fn run(command: &DataCommand, quiet: bool) -> Result<(), Failure> {
    match command {
        DataCommand::Check {
            source,
            split,
            open,
            json,
        } => {
            let report = check(source, *split, &open.options()?)?;
            if *json {
                print_json(&report)?;
            } else {
                print(&describe(&report))?;
            }
            match report.unreadable.len() {
                0 => Ok(()),
                count => Err(Failure::Work(format!(
                    "{count} images of {source} cannot be read"
                ))),
            }
        }
        DataCommand::Fetch { name, root } => {
            let bar = if quiet {
                ProgressBar::hidden()
            } else {
                ProgressBar::no_length()
            };
            if let Ok(style) =
                ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  ETA {eta}")
            {
                bar.set_style(style);
            }
            let path = fetch(name, root, |progress| {
                if let Some(total) = progress.total {
                    bar.set_length(total);
                }
                bar.set_position(progress.received);
            })?;
            bar.finish_and_clear();
            print(&path.display().to_string())
        }
    }
}

fn describe(report: &CheckReport) -> String {
    let mut text = format!(
        "{}: {} images, {} classes\n",
        report.name,
        report.images,
        report.classes.len()
    );
    let [smallest, largest] =
        [report.smallest, report.largest].map(|[height, width]| format!("{height}x{width}"));
    let _ = writeln!(text, "sizes (height x width): {smallest} to {largest}");
    let numbers = |values: &[f64]| {
        values
            .iter()
            .map(|value| format!("{value:.4}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let _ = writeln!(
        text,
        "mean {}  std {}",
        numbers(&report.mean),
        numbers(&report.std)
    );
    for class in &report.classes {
        let _ = writeln!(text, "{:>8}  {}", class.images, class.name);
    }
    for note in &report.notes {
        let _ = writeln!(text, "{note}");
    }
    for unreadable in &report.unreadable {
        let _ = writeln!(text, "unreadable: {}", unreadable.reason);
    }
    text
}
