//! From a file, or a text, to a checked recipe.

use std::fs;
use std::path::{Path, PathBuf};

use potstill_base::read_text;
use potstill_settings::Described;
use toml::{Table, Value};

use crate::check::{check, check_sources};
use crate::error::{Problem, RecipeError};
use crate::nearest::nearest;
use crate::origin::Origin;
use crate::tables::recipe::{Recipe, VERSION};
use crate::validate::{RECIPE, orders, validate};
use crate::{Schema, defaults, document, overrides, read};

impl Schema {
    /// Reads the recipe in the file `path`, changed by `overrides` such as `train.epochs=3`.
    ///
    /// # Errors
    /// Where the file cannot be read, is not TOML, or is no valid recipe; see [`Schema::read_text`].
    pub fn read_path(&self, path: impl AsRef<Path>, overrides: &[String]) -> Result<Recipe, RecipeError> {
        let path = path.as_ref();
        let text = text_of(path, "recipe")?;
        self.read_text(&text, &path.display().to_string(), overrides)
    }

    /// Reads a recipe from TOML, changed by `overrides`; `origin` stands for the file in errors.
    ///
    /// An override is `key=value`: the key dotted, with entries of arrays by number
    /// (`methods.0.temperature=2`), the value in TOML or a bare word. They are applied in order, the last
    /// wins, and all win over the text.
    ///
    /// # Errors
    /// With everything that is wrong with names, types and ranges together, in options of methods too; only
    /// if nothing is, with everything that does not fit together.
    pub fn read_text(&self, text: &str, origin: &str, overrides: &[String]) -> Result<Recipe, RecipeError> {
        let (mut table, mut places) = document::parse(text, origin)?;
        let problems = overrides::apply(&mut table, &mut places, overrides);
        self.read_table(table, Origin::root(places), problems)
    }

    /// The recipe that `table` says, of which these `problems` are known already.
    pub(crate) fn read_table(
        &self,
        mut table: Table,
        root: Origin,
        mut problems: Vec<Problem>,
    ) -> Result<Recipe, RecipeError> {
        match table.get("version").and_then(Value::as_integer) {
            Some(version) if version != i64::from(VERSION) => {
                problems = vec![foreign_version(&root, version)];
            }
            _ => {
                problems.extend(orders(&table, &root));
                problems.extend(validate(&table, &Recipe::KIND, &root, self, RECIPE));
                problems.extend(check_sources(&table, &root));
            }
        }
        if !problems.is_empty() {
            return Err(RecipeError::invalid(problems));
        }
        defaults::fill(&mut table, &Recipe::KIND);
        let mut recipe: Recipe = read::read(&root, Value::Table(table))?;
        recipe.set_origins(root);
        match check(&recipe) {
            problems if problems.is_empty() => Ok(recipe),
            problems => Err(RecipeError::invalid(problems)),
        }
    }
}

/// The text of a file that somebody named.
pub(crate) fn text_of(path: &Path, what: &'static str) -> Result<String, RecipeError> {
    read_text(path).map_err(|source| {
        let advice = similar_file(path).map(|file| format!("; did you mean {}?", file.display()));
        RecipeError::Read {
            what,
            path: path.to_owned(),
            source,
            advice: advice.unwrap_or_default(),
        }
    })
}

/// Only this is said of a recipe of another version: its other keys may mean something else.
fn foreign_version(root: &Origin, version: i64) -> Problem {
    root.problem(
        "version",
        format!("is {version}, and this program reads recipes of version {VERSION}"),
    )
}

/// The recipe beside `path` whose name is most similar, if `path` is not there.
fn similar_file(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let files: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| {
            Path::new(file)
                .extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    let wanted = path.file_name()?.to_str()?;
    let stem = |file: &str| file.trim_end_matches(".toml").to_owned();
    let stems: Vec<String> = files.iter().map(|file| stem(file)).collect();
    let meant = nearest(&stem(wanted), stems.iter().map(String::as_str)).filter(|_| !path.exists())?;
    Some(path.with_file_name(format!("{meant}.toml")))
}
