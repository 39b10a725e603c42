//! `potstill tune`: successive halving over the cells of a sweep, judged by the validation images, within a budget.
//!
//! All cells train for a few epochs; the better part goes on with more, from the first step and with a schedule as long as the round, until one is
//! left. Nothing is kept but the runs themselves: every decision is made again from them, so that a tuning that is interrupted, or given more
//! hours, goes on by the same command.

mod budget;
mod candidates;
mod described;
mod halving;
mod round;
mod rounds;
mod shortened;
mod written;

use self::{budget::Budget, halving::Halving};
use super::sweep::{GridArguments, plan_all, teachers};
use crate::{
    commands::print,
    failure::Failure,
    interrupt,
    printed::{print_json, tell},
};
use clap::Args;

/// Arguments of `tune`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct TuneArguments {
    /// The grid and where its runs lie.
    #[command(flatten)]
    pub grid: GridArguments,
    /// Hours of training that may be spent in all, whatever the file says (`tune.budget_hours`).
    #[arg(long, value_name = "HOURS")]
    pub budget: Option<f64>,
    /// Plan everything, say which rounds there would be, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Begin runs again whose recipe is not what it was.
    #[arg(long)]
    pub overwrite: bool,
    /// Train teachers first that are students of runs that are not there, as `train --with-teacher` does.
    #[arg(long)]
    pub with_teacher: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Looks for the best cell.
pub fn run(arguments: &TuneArguments, quiet: bool) -> Result<(), Failure> {
    let sweep = arguments.grid.open()?;
    let hours = arguments
        .budget
        .or(sweep.tune.as_ref().and_then(|tune| tune.budget_hours));
    let budget = Budget::hours(hours)?;
    let folder = arguments.grid.free_folder(&format!("{}-tune", sweep.name))?;
    let runs = candidates::of(&sweep, &arguments.grid, quiet)?;
    let mut halving = Halving::new(&sweep, runs, folder, budget)?;
    halving.overwrite = arguments.overwrite;
    let stop = interrupt::flag()?;
    let mut first = halving.first_round()?;
    if arguments.with_teacher && !arguments.dry_run {
        teachers(&first, &stop, quiet)?;
    }
    plan_all(&mut first, &stop, quiet)?;
    if arguments.dry_run {
        return if arguments.json {
            print_json(&described::json(&halving))
        } else {
            print(&described::plan(&halving))
        };
    }
    if !quiet {
        tell!("{}", described::plan(&halving).trim_end());
    }
    halving.go(&stop, quiet)?;
    written::write(&halving)?;
    if arguments.json {
        print_json(&described::json(&halving))?;
    } else {
        print(&described::text(&halving))?;
    }
    match halving.winner() {
        Some(_) => Ok(()),
        None => Err(Failure::Work(format!(
            "no candidate came to a result; what became of each stands in {}",
            halving.folder.join(written::TABLE).display()
        ))),
    }
}
