//! `potstill reproduce`: a run once more, and the first epoch and tensor that are not what they were.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use potstill_engine::{Difference, EngineError, Outcome, Plan, Reproduced, Reproduction, Run, RunFolder};

use crate::{
    failure::Failure,
    interrupt,
    printed::{print, tell},
    recipes,
    terminal::Terminal,
};

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArguments {
    /// The folder of the run.
    pub run: PathBuf,
    /// Where the run is done once more; RUN.again if not given. It goes if all is the same.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Runs the recipe of the folder once more beside it.
pub fn run(arguments: &ReproduceArguments, quiet: bool) -> Result<(), Failure> {
    let first = RunFolder::open(&arguments.run)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => beside(&arguments.run)?,
    };
    let recipe = recipes::read(&arguments.run.to_string_lossy(), &[])?;
    let title = format!("{} again", recipe.name);
    RunFolder::is_free(&out, false).map_err(|error| match error {
        EngineError::Exists(there) => Failure::Usage(format!(
            "{} holds a run already: remove it, or `--out` takes another folder",
            there.display()
        )),
        error => error.into(),
    })?;
    let stop = interrupt::flag()?;
    let plan = Plan::new(recipe)?;
    let mut terminal = Terminal::new(&title, quiet);
    let mut reproduction = Reproduction::new(&first, &out, &mut terminal, Arc::clone(&stop))?;
    let mut run = Run::start(plan, RunFolder::create(&out, false)?)?;
    let outcome = run.go(&mut reproduction, &stop)?;
    drop(run);
    let Reproduced {
        difference,
        same,
        compared,
        epochs,
        is_complete,
    } = reproduction.finish()?;
    if let Some(difference) = difference {
        tell!("what was done once more is in {}", out.display());
        return Err(Failure::Work(in_words(&difference)));
    }
    if outcome == Outcome::Interrupted && !is_complete {
        return Err(Failure::Interrupted(format!(
            "interrupted; {same} epochs were the same until then"
        )));
    }
    if same + compared == 0 {
        return Err(Failure::Work(format!(
            "nothing was compared: the recipe ends before the first epoch of which anything is left in {}",
            arguments.run.display()
        )));
    }
    let remove = fs::remove_dir_all(&out);
    remove.map_err(|error| Failure::Work(format!("cannot remove {}: {error}", out.display())))?;
    print(&format!(
        "the same to the bit: every number of {same} of {epochs} epochs, and every tensor of {compared} checkpoints"
    ))
}

/// The folder beside a run, `RUN.again`, however the run is named.
fn beside(run: &Path) -> Result<PathBuf, Failure> {
    let whole = fs::canonicalize(run)
        .map_err(|error| Failure::Work(format!("cannot look at {}: {error}", run.display())))?;
    let Some(name) = whole.file_name() else {
        return Err(Failure::Usage(format!(
            "{} has no folder beside it: `--out` takes one",
            run.display()
        )));
    };
    let mut again = name.to_owned();
    again.push(".again");
    Ok(whole.with_file_name(again))
}

fn in_words(difference: &Difference) -> String {
    let Difference {
        epoch,
        number,
        tensor,
        causes,
    } = difference;
    let number = number.as_deref().unwrap_or("every number of its row is the same");
    let tensor = match tensor {
        Some(name) => format!("the first tensor that differs is `{name}`"),
        None => "no checkpoint of it is left to compare tensors with, or all are the same".into(),
    };
    let first = format!("epoch {epoch} is the first that differs: {number}; {tensor}");
    let causes = causes.iter().map(|cause| format!("note: {cause}"));
    let lines: Vec<String> = std::iter::once(first).chain(causes).collect();
    lines.join("\n")
}
