//! `potstill sweep`: a grid of recipes, planned before the first step, run in order or line by line by a job scheduler, and put into
//! one table.

mod cells;
mod listed;
mod planned;
mod results;
mod run_all;

use std::path::PathBuf;

use clap::Args;
use potstill_methods::schema;
use potstill_recipe::Sweep;

pub use self::cells::{Cell, State};
pub use self::{
    cells::refuse_changed,
    planned::plan_all,
    run_all::{Attempt, attempt, teachers},
};
use crate::{commands::print, failure::Failure, interrupt, printed::tell, recipes};

/// Arguments of `sweep`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct SweepArguments {
    /// The grid and where its runs lie.
    #[command(flatten)]
    pub grid: GridArguments,
    /// Run these alone, each named as `--list` names it: CELL/seed-N.
    #[arg(long = "cell", value_name = "CELL/seed-N", conflicts_with_all = ["list", "dry_run"])]
    pub cells: Vec<String>,
    /// Print a command for each run that is not finished, for a job scheduler. They may run at the same time.
    #[arg(long, conflicts_with = "json")]
    pub list: bool,
    /// Plan everything, say what would be run, and stop.
    #[arg(long, conflicts_with = "list")]
    pub dry_run: bool,
    /// Begin runs again whose recipe is not what it was.
    #[arg(long)]
    pub overwrite: bool,
    /// Stop at the first run that fails; the others are run otherwise.
    #[arg(long)]
    pub stop_on_failure: bool,
    /// Train teachers first that are students of runs that are not there, as `train --with-teacher` does.
    #[arg(long)]
    pub with_teacher: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A grid of recipes, and the folder of its runs.
#[derive(Debug, Args)]
pub struct GridArguments {
    /// The file of the sweep: a recipe, axes of choices, seeds (docs/sweeps.md); or a name of `potstill list sweeps`.
    #[arg(value_name = "SWEEP.toml")]
    pub file: PathBuf,
    /// `key=value` for the recipe of every run, as in `train`: `train.epochs=3`.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Run so many seeds, counted up from the recipe's, whatever the file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// The folder of all runs; those of a sweep lie in DIR/NAME/CELL/seed-N.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    pub runs: PathBuf,
}

impl GridArguments {
    /// The sweep that the file and the command line say together.
    pub fn open(&self) -> Result<Sweep, Failure> {
        let sweep = recipes::sweep(&self.file)?.with_overrides(&self.overrides)?;
        Ok(match self.seeds {
            Some(count) => sweep.with_seeds(count),
            None => sweep,
        })
    }

    /// Every run of the sweep, with its folder and what lies there.
    pub fn cells(&self, sweep: &Sweep) -> Result<Vec<Cell>, Failure> {
        let runs = sweep.runs(&schema(), &|name| recipes::base(name, &self.file))?;
        let augment_seed = runs.first().map_or(0, |run| run.recipe.augment_seed());
        Cell::all(sweep, runs, &self.folder(sweep)?, augment_seed)
    }

    /// The folder of the sweep, which must not be that of a run.
    pub fn folder(&self, sweep: &Sweep) -> Result<PathBuf, Failure> {
        self.free_folder(&sweep.name)
    }

    /// A folder of this name for many runs.
    pub fn free_folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.runs.join(name);
        if folder.join("recipe.toml").exists() {
            return Err(Failure::Usage(format!(
                "{} is the folder of a run, and the runs of this sweep would be put there; give the sweep another `name`",
                folder.display()
            )));
        }
        Ok(folder)
    }
}

/// Runs what is not finished, or says what that would be.
pub fn run(arguments: &SweepArguments, quiet: bool) -> Result<(), Failure> {
    let sweep = arguments.grid.open()?;
    let mut cells = arguments.grid.cells(&sweep)?;
    let folder = arguments.grid.folder(&sweep)?;
    if arguments.list {
        return print(&listed::commands(&arguments.grid, &cells)?);
    }
    if !arguments.cells.is_empty() {
        cells = cells::picked(cells, &arguments.cells)?;
    }
    refuse_changed(&cells, arguments.overwrite)?;
    let stop = interrupt::flag()?;
    if arguments.with_teacher && !arguments.dry_run {
        teachers(&cells, &stop, quiet)?;
    }
    if !quiet {
        tell!("{}", listed::summary(&sweep, &cells));
    }
    // One of many jobs is planned when it begins.
    if arguments.cells.is_empty() {
        plan_all(&mut cells, &stop, quiet)?;
    }
    if arguments.dry_run {
        return listed::dry_run(&sweep, &folder, &cells, arguments.json);
    }
    let end = run_all::run_all(&mut cells, arguments, &stop, quiet);
    // One of many jobs leaves the whole table behind, of what is there by then.
    let all = if arguments.cells.is_empty() {
        cells
    } else {
        arguments.grid.cells(&sweep)?
    };
    let table = match results::write(&all, &folder) {
        // What stopped the runs is the news.
        Err(failure) if !end.is_clean() => {
            tell!("{failure}");
            None
        }
        table => table?,
    };
    if arguments.json {
        results::print_json(&sweep, &folder, &all, &end, table.as_ref())?;
    } else if let Some(table) = table.filter(|_| arguments.cells.is_empty()) {
        print(&format!(
            "{}\nthe table is in {}, as table.md and table.csv",
            table.text(),
            folder.display()
        ))?;
    }
    end.into_result(&all)
}
