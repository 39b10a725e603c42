//! `potstill demo`: the whole story on built-in data. A teacher, the student alone, the student distilled, and who is better.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{Args, ValueEnum};
use potstill_recipe::Recipe;
use potstill_report::{Metrics, read_summary};
use serde::Serialize;
use serde_json::json;

use super::{compare, print, print_json, train};
use crate::{failure::Failure, interrupt, recipes};

/// What the networks of the demo do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Story {
    /// Name what a picture shows.
    Classification,
    /// Find objects by boxes.
    Detection,
    /// Find objects and outline them.
    Instances,
    /// Name the class of every pixel.
    Segmentation,
}

impl Story {
    /// The recipes of its teacher and its student.
    fn recipes(self) -> [&'static str; 2] {
        match self {
            Self::Classification => ["demo-teacher", "demo-student"],
            Self::Detection => ["demo-detection-teacher", "demo-detection-student"],
            Self::Instances => ["demo-instances-teacher", "demo-instances-student"],
            Self::Segmentation => ["demo-segmentation-teacher", "demo-segmentation-student"],
        }
    }
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// What the networks do.
    #[arg(long, value_enum, default_value_t = Story::Classification, value_name = "TASK")]
    pub task: Story,
    /// Where the runs are written; a folder that has runs already is left alone and the next free number taken.
    #[arg(long, default_value = "runs/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Seeds of the students.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The result for programs.
#[derive(Debug, Serialize)]
struct Report {
    /// The headline of the teacher by its name.
    teacher: Metrics,
    alone: Students,
    distilled: Students,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Students {
    mean: f64,
    /// Sample standard deviation; 0 of one run.
    std: f64,
    /// The headline after the last epoch, one for each seed.
    runs: Vec<f64>,
}

/// Trains everything and prints the table.
pub fn run(arguments: &DemoArguments, quiet: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let out = free_folder(&arguments.out);
    let stop = interrupt::flag()?;
    let go =
        |recipe: Recipe, folder: &Path| train::once(recipe, folder, train::Existing::Refuse, &stop, quiet);

    let teacher = out.join("teacher");
    let [of_teacher, of_student] = arguments.task.recipes();
    go(recipes::read(of_teacher, &[])?, &teacher)?;
    let by_teacher = format!("teacher.run={}", json!(teacher));
    let (mut alone, mut distilled) = (Vec::new(), Vec::new());
    for seed in 0..arguments.seeds {
        let common = [format!("seed={seed}"), by_teacher.clone()];
        let student = |name: &str, methods: Option<&str>, runs: &mut Vec<f64>| {
            let overrides: Vec<String> = methods
                .map(Into::into)
                .into_iter()
                .chain(common.clone())
                .collect();
            let recipe = Recipe {
                name: name.into(),
                ..recipes::read(of_student, &overrides)?
            };
            let folder = out.join(name).join(format!("seed-{seed}"));
            go(recipe, &folder)?;
            runs.push(read_summary(folder.join("summary.json"))?.last_headline());
            Ok::<(), Failure>(())
        };
        student("alone", Some("methods=[]"), &mut alone)?;
        student("distilled", None, &mut distilled)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    if arguments.json {
        let teacher = read_summary(teacher.join("summary.json"))?;
        return print_json(&Report {
            teacher: Metrics::new().with(&teacher.metrics.headline, teacher.last_headline()),
            alone: students(alone),
            distilled: students(distilled),
            seconds,
        });
    }
    let table = compare::of_folders(&[out.join("alone"), out.join("distilled")])?.text();
    print(&format!(
        "{table}\n{seconds:.0} seconds; everything is in {}",
        out.display()
    ))
}

/// The folder itself, or the first of `NAME-2`, `NAME-3`, ... that is not there.
fn free_folder(wanted: &Path) -> PathBuf {
    let numbered = (2..).map(|number| {
        let mut name = wanted.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    });
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| wanted.into())
}

fn students(runs: Vec<f64>) -> Students {
    let n = runs.len() as f64;
    let mean = runs.iter().sum::<f64>() / n;
    let variance = runs.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Students {
        mean,
        std: variance.sqrt(),
        runs,
    }
}
