//! `potstill data`: look at images, or download them.

use std::{fmt::Write, path::PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use potstill_data::{CheckReport, DATA_ROOT, Split, check, check_as, fetch};
use potstill_tasks::{TaskKind, TaskOptions};

use crate::{
    choice::choice,
    commands::{print, print_json},
    failure::Failure,
    open_arguments::OpenArguments,
};

/// Commands on data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Read every image once: classes, sizes, mean and deviation, unreadable files, and everything that is wrong in annotations.
    Check {
        /// A name or a path.
        source: String,
        /// Which part.
        #[arg(long, value_parser = choice::<Split>(), default_value_t = Split::Train)]
        split: Split,
        /// For which task: what is known of an image differs. What the files are usually for, if not given.
        #[arg(long, value_parser = choice::<TaskKind>())]
        task: Option<TaskKind>,
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
            task,
            open,
            json,
        } => {
            let options = open.options()?;
            let target = task.map(|kind| potstill_tasks::task(kind, TaskOptions::default()).target_kind());
            let report = match target {
                Some(target) => check_as(source, *split, target, &options)?,
                None => check(source, *split, &options)?,
            };
            if *json {
                print_json(&report)?;
            } else {
                print(&describe(&report))?;
            }
            match (report.unreadable.len(), report.mistakes()) {
                (0, 0) => Ok(()),
                (0, count) => Err(Failure::Work(format!(
                    "{count} annotations of {source} are wrong"
                ))),
                (count, 0) => Err(Failure::Work(format!(
                    "{count} images of {source} cannot be read"
                ))),
                (images, count) => Err(Failure::Work(format!(
                    "{images} images of {source} cannot be read, and {count} annotations are wrong"
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

/// Images that cannot be read are told one by one up to here.
const TOLD: usize = 1000;

fn describe(report: &CheckReport) -> String {
    let objects = report
        .objects
        .map_or(String::new(), |objects| format!(", {objects} objects"));
    let mut text = format!(
        "{}: {} images{objects}, {} classes\n",
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
    if report.objects.is_some() {
        let _ = writeln!(text, "  images  objects");
    }
    for class in &report.classes {
        let _ = match class.objects {
            Some(objects) => writeln!(text, "{:>8} {objects:>8}  {}", class.images, class.name),
            None => writeln!(text, "{:>8}  {}", class.images, class.name),
        };
    }
    for note in &report.notes {
        let _ = writeln!(text, "{note}");
    }
    for unreadable in report.unreadable.iter().take(TOLD) {
        let _ = writeln!(text, "unreadable: {}", unreadable.reason);
    }
    if let Some(more) = report.unreadable.len().checked_sub(TOLD).filter(|more| *more > 0) {
        let _ = writeln!(text, "unreadable: {more} more; `--json` has them all");
    }
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}");
    }
    for count in &report.finding_counts {
        let _ = writeln!(text, "{:>8}  {} ({})", count.count, count.kind, count.severity);
    }
    text
}
