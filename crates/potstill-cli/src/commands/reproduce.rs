//! `potstill reproduce`: a run once more, and the first epoch and tensor that are not what they were.

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;
use potstill_engine::{Difference, Outcome, Plan, Reproduction, Run, RunFolder};

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
    let out = arguments.out.clone().unwrap_or_else(|| {
        let mut name = arguments.run.clone().into_os_string();
        name.push(".again");
        name.into()
    });
    let recipe = recipes::read(&arguments.run.to_string_lossy(), &[])?;
    let title = format!("{} again", recipe.name);
    RunFolder::is_free(&out, false)?;
    let stop = interrupt::flag()?;
    let plan = Plan::new(recipe)?;
    let again = RunFolder::create(&out, false)?;
    let mut terminal = Terminal::new(&title, quiet);
    let mut reproduction = Reproduction::new(&first, again.clone(), &mut terminal, Arc::clone(&stop))?;
    let mut run = Run::start(plan, again)?;
    let outcome = run.go(&mut reproduction, &stop)?;
    let epochs = run.rows().len();
    drop(run);
    let (found, same, compared) = reproduction.finish()?;
    if let Some(difference) = found {
        tell!("what was done once more is in {}", out.display());
        return Err(Failure::Work(in_words(&difference)));
    }
    if outcome == Outcome::Interrupted {
        return Err(Failure::Interrupted(format!(
            "interrupted; the first {same} epochs were the same"
        )));
    }
    let remove = fs::remove_dir_all(&out);
    remove.map_err(|error| Failure::Work(format!("cannot remove {}: {error}", out.display())))?;
    print(&format!(
        "the same to the bit: every number of {same} of {epochs} epochs, and every tensor of {compared} checkpoints"
    ))
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
