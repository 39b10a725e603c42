//! `potstill train`: a recipe becomes a run folder, or one for each seed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once, atomic::AtomicBool},
};

use clap::Args;
use potstill_engine::{EngineError, Outcome, Plan, Run, RunFolder};
use potstill_recipe::Recipe;

use crate::{
    failure::Failure,
    interrupt,
    printed::tell,
    recipes::{self, RecipeArguments},
    teacher_recipes,
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
    /// Go on with a finished run for N more epochs. RECIPE is its folder, or its recipe. The schedule must be `constant` or
    /// `milestones`: others have come to their end.
    #[arg(long, value_name = "N", conflicts_with_all = ["resume", "overwrite", "seeds", "with_teacher", "overrides"], value_parser = clap::value_parser!(u64).range(1..))]
    pub extend: Option<u64>,
    /// Run this many seeds, counted up from the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Train the teacher first where it is the student of a run that is not there and one of `potstill list recipes` makes it. It
    /// gets the overrides that say which images there are (`data.train=...`).
    #[arg(long)]
    pub with_teacher: bool,
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
    let own = Path::new(&arguments.recipe.recipe);
    // A run that goes on does so where it is.
    let folder = if (arguments.resume || arguments.extend.is_some()) && own.join("recipe.toml").is_file() {
        own.to_owned()
    } else {
        arguments.runs.join(&recipe.name)
    };
    let stop = interrupt::flag()?;
    if let Some(epochs) = arguments.extend {
        return extend(&folder, epochs as usize, &stop, quiet);
    }
    if arguments.with_teacher {
        with_teachers(&recipe, &arguments.recipe.overrides, &stop, quiet)?;
    }
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

/// Goes on with the finished run in a folder.
fn extend(folder: &Path, epochs: usize, stop: &Arc<AtomicBool>, quiet: bool) -> Result<(), Failure> {
    let place = RunFolder::open(folder)?.claim()?;
    let recipe = recipes::read(&folder.to_string_lossy(), &[])?;
    let recipe = Run::longer_recipe(recipe, &place, epochs)?;
    let title = recipe.name.clone();
    let mut run = Run::extend(Plan::new(recipe)?, place)?;
    let outcome = run.go(&mut Terminal::new(&title, quiet), stop)?;
    ended(&title, folder, outcome, quiet)
}

/// Trains, or goes on to train, the teachers of a recipe that are students of runs that are not finished.
pub fn with_teachers(
    recipe: &Recipe,
    overrides: &[String],
    stop: &Arc<AtomicBool>,
    quiet: bool,
) -> Result<(), Failure> {
    for run in teacher_recipes::unfinished(recipe) {
        let Some(name) = teacher_recipes::recipe_of(&run, recipe.task) else {
            return Err(Failure::Usage(format!(
                "`--with-teacher`: no recipe of `potstill list recipes` is called as the run in {}; train that teacher by its own \
                 recipe first",
                run.display()
            )));
        };
        let teacher = recipes::read(name, &teacher_recipes::shared(overrides))?;
        once(teacher, &run, Existing::Resume, stop, quiet)?;
    }
    Ok(())
}

/// Runs a recipe into a folder, and says how it ended.
pub fn once(
    recipe: Recipe,
    folder: &Path,
    existing: Existing,
    stop: &Arc<AtomicBool>,
    quiet: bool,
) -> Result<(), Failure> {
    let title = recipe.name.clone();
    let outcome = into_folder(recipe, folder, existing, stop, quiet)?;
    ended(&title, folder, outcome, quiet)
}

/// Runs a recipe into a folder.
pub fn into_folder(
    recipe: Recipe,
    folder: &Path,
    existing: Existing,
    stop: &Arc<AtomicBool>,
    quiet: bool,
) -> Result<Outcome, EngineError> {
    let title = recipe.name.clone();
    let resumes = existing == Existing::Resume && folder.join("recipe.toml").is_file();
    // Claimed before the plan, which takes its time: of two processes one is told at once.
    let resumed = resumes.then(|| RunFolder::open(folder)?.claim()).transpose()?;
    if !resumes {
        RunFolder::is_free(folder, existing == Existing::Overwrite)?;
    }
    // The plan comes before the folder is touched, so that a recipe that cannot run loses nothing.
    let plan = Plan::new(recipe)?;
    if !quiet && plan.spec.data.validation.is_none() {
        tell_that_tests_choose(&title);
    }
    let mut run = if let Some(place) = resumed {
        Run::resume(plan, place)?
    } else {
        Run::start(plan, RunFolder::create(folder, existing == Existing::Overwrite)?)?
    };
    run.go(&mut Terminal::new(&title, quiet), stop)
}

/// Says by which images the best epoch is chosen: once, however many runs there are.
fn tell_that_tests_choose(title: &str) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tell!(
            "{title}: the test images choose the best epoch; with `data.validation = 0.1` a part of the training images does"
        );
    });
}

/// Says where the student is, or what is saved of a run that was stopped.
fn ended(title: &str, folder: &Path, outcome: Outcome, quiet: bool) -> Result<(), Failure> {
    let (student, last) = (folder.join("student"), folder.join("last.safetensors"));
    match outcome {
        Outcome::Finished => {
            if !quiet {
                tell!("{title}: the student is in {}", student.display());
            }
            Ok(())
        }
        Outcome::Interrupted if last.is_file() => Err(Failure::Interrupted(format!(
            "interrupted; {} is saved, `--resume` continues it",
            last.display()
        ))),
        // What methods prepare is kept in the cache, piece by piece.
        Outcome::Interrupted => Err(Failure::Interrupted(
            "interrupted before the first step, with nothing to save yet; `--resume` begins again".into(),
        )),
    }
}
