//! What a tuning leaves in its folder: the table with its reasons, and the winner as a recipe.

use std::{fs, io, path::Path};

use potstill_recipe::Recipe;

use super::{
    described,
    halving::{Candidate, Fate, Halving},
};
use crate::failure::Failure;

/// The table.
pub const TABLE: &str = "tune.md";
/// The same for programs.
const JSON: &str = "tune.json";
/// The recipe of the winner.
pub const WINNER: &str = "winner.toml";

/// Writes everything.
pub fn write(halving: &Halving) -> Result<(), Failure> {
    let folder = &halving.folder;
    fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    file(&folder.join(TABLE), &described::markdown(halving))?;
    file(
        &folder.join(JSON),
        &(serde_json::to_string_pretty(&described::json(halving))? + "\n"),
    )?;
    let recipe = folder.join(WINNER);
    match halving.winner() {
        Some(winner) => file(&recipe, &text(halving, winner)?),
        // One of an earlier budget would be taken for this one's.
        None => match fs::remove_file(&recipe) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(&recipe, &error)),
            _ => Ok(()),
        },
    }
}

/// The recipe of the winner, with all its epochs, for `potstill train`.
fn text(halving: &Halving, winner: &Candidate) -> Result<String, Failure> {
    let name = &halving.sweep.name;
    let reason = match &winner.fate {
        Some(Fate::Winner(reason) | Fate::Dropped(reason)) => reason.replace('\n', " "),
        None => String::new(),
    };
    let recipe = Recipe {
        name: format!("{name}-winner"),
        ..winner.runs[0].recipe.clone()
    };
    Ok(format!(
        "# The winner of `potstill tune` of {name}: {}, {reason}.\n# The table is {TABLE}.\n{}",
        winner.cell,
        recipe.to_toml()?
    ))
}

fn file(path: &Path, text: &str) -> Result<(), Failure> {
    potstill_base::write_atomically(path, text.as_bytes()).map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::Work(format!("cannot write {}: {error}", path.display()))
}
