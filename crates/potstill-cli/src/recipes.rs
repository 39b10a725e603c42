//! The recipes and sweeps that come with the binary, by name.

use std::path::Path;

use clap::Args;
use potstill_methods::schema;
use potstill_recipe::{BaseRecipe, Recipe, RecipeError, Sweep};

use crate::failure::Failure;

/// A recipe and what overrides it.
#[derive(Debug, Args)]
pub struct RecipeArguments {
    /// A recipe file, the folder of a run, or a name of `potstill list recipes`.
    pub recipe: String,
    /// `key=value`, dotted, as often as needed: `train.epochs=3 methods.0.weight=2`.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// Name and text of every recipe of the `recipes/` folder; `build.rs` looks there.
pub static RECIPES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// Name and text of every sweep of the `sweeps/` folder.
pub static SWEEPS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sweeps.rs"));

/// Reads the sweep at a path, or the one that comes with the binary under this name.
pub fn sweep(name_or_path: &Path) -> Result<Sweep, RecipeError> {
    let named = SWEEPS.iter().find(|(name, _)| Path::new(name) == name_or_path);
    match named {
        Some((name, text)) if !name_or_path.exists() => Sweep::from_text(text, &format!("{name}.toml")),
        _ => Sweep::from_path(name_or_path),
    }
}

/// Reads the recipe at a path, or the one that comes with the binary under this name.
pub fn read(name_or_path: &str, overrides: &[String]) -> Result<Recipe, Failure> {
    let path = Path::new(name_or_path);
    if !path.exists()
        && let Some((name, text)) = RECIPES.iter().find(|(name, _)| *name == name_or_path)
    {
        return Ok(schema().read_text(text, &format!("{name}.toml"), overrides)?);
    }
    let inside = path.join("recipe.toml");
    let path = if inside.is_file() { &inside } else { path };
    Ok(schema().read_path(path, overrides)?)
}

/// The text of the recipe that a sweep names: at a path from the current folder, or from the sweep's own; of the folder of a run; or the one
/// that comes with the binary under this name.
pub fn base(name_or_path: &str, sweep: &Path) -> Result<BaseRecipe, RecipeError> {
    let beside = sweep.parent().unwrap_or(Path::new("")).join(name_or_path);
    let found = [Path::new(name_or_path), &beside]
        .into_iter()
        .find(|path| path.exists());
    if let (None, Some((name, text))) = (found, RECIPES.iter().find(|(name, _)| *name == name_or_path)) {
        return Ok(BaseRecipe {
            text: (*text).to_owned(),
            origin: format!("{name}.toml"),
        });
    }
    let path = found.unwrap_or(Path::new(name_or_path));
    let inside = path.join("recipe.toml");
    BaseRecipe::from_path(if inside.is_file() { &inside } else { path })
}
