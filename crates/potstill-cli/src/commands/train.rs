//! `potstill train`: a recipe becomes a run folder, or one for each seed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use potstill_engine::{Outcome, Plan, Run, RunFolder};
use potstill_recipe::Recipe;

use crate::{
    failure::Failure,
    interrupt,
    recipes::{self, RecipeArguments},
    terminal::Terminal,
};

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArguments,
    /// Continue the run where its last checkpoint was written.
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace a run that is there already.
    #[arg(long)]
    pub overwrite: bool,
    /// Run this many seeds, counted up from the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// The folder of all runs.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    pub runs: PathBuf,
}

/// What to do with a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// Continue it.
    Resume,
    /// Replace it.
    Overwrite,
}

/// Runs the recipe once, or once for each seed.
pub fn run(arguments: &TrainArguments, quiet: bool) -> Result<(), Failure> {
    let recipe = recipes::read(&arguments.recipe.recipe, &arguments.recipe.overrides)?;
    let existing = match (arguments.resume, arguments.overwrite) {
        (true, _) => Existing::Resume,
        (_, true) => Existing::Overwrite,
        _ => Existing::Refuse,
    };
    let folder = arguments.runs.join(&recipe.name);
    let stop = interrupt::flag()?;
    let Some(seeds) = arguments.seeds else {
        return once(recipe, &folder, existing, &stop, quiet);
    };
    for seed in recipe.seed..recipe.seed + seeds {
        let folder = folder.join(format!("seed-{seed}"));
        once(
            Recipe {
                seed,
                ..recipe.clone()
            },
            &folder,
            existing,
            &stop,
            quiet,
        )?;
    }
    Ok(())
}

/// Runs a recipe into a folder.
pub fn once(
    recipe: Recipe,
    folder: &Path,
    existing: Existing,
    stop: &Arc<AtomicBool>,
    quiet: bool,
) -> Result<(), Failure> {
    let title = recipe.name.clone();
    let resumes = existing == Existing::Resume && folder.join("recipe.toml").is_file();
    if !resumes {
        RunFolder::is_free(folder, existing == Existing::Overwrite)?;
    }
    // The plan comes before the folder is touched, so that a recipe that cannot run loses nothing.
    let plan = Plan::new(recipe)?;
    let (mut run, place) = if resumes {
        let place = RunFolder::open(folder)?;
        (Run::resume(plan, place.clone())?, place)
    } else {
        let place = RunFolder::create(folder, existing == Existing::Overwrite)?;
        (Run::start(plan, place.clone())?, place)
    };
    match run.go(&mut Terminal::new(&title, quiet), stop)? {
        Outcome::Finished => {
            if !quiet {
                eprintln!("{title}: the student is in {}", place.student().display());
            }
            Ok(())
        }
        Outcome::Interrupted => Err(Failure::Interrupted(format!(
            "interrupted; {} is saved, `--resume` continues it",
            place.last().display()
        ))),
    }
}
