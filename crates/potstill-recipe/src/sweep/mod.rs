//! A sweep: a grid of recipes in one file.
//!
//! A sweep names a recipe and axes. An axis has choices, each a few keys that it sets as an override would; every combination of
//! choices is a cell, and every cell is run once for each seed:
//!
//! ```toml
//! version = 1
//! name = "first"
//! recipe = "recipes/mine.toml"
//! seeds = 3
//! set.train.epochs = 6
//!
//! [axes.method]
//! alone = { methods = [] }
//! kd = { methods = [{ kind = "kd", weight = 0.9 }], train.task_weight = 0.1 }
//!
//! [axes.rate]
//! key = "train.optimizer.lr"
//! values = [0.05, 0.1]
//! ```
//!
//! [`Sweep::runs`] makes all recipes, with everything that is wrong in any of them together.

mod axes;
mod changes;
mod grid;
mod keys;
mod runs;

use std::path::Path;

use potstill_settings::Described;
use toml::de::DeTable;
use toml::{Table, Value};

pub use axes::{Axis, Choice};
pub use changes::Change;
pub use keys::Tune;
pub use runs::{BaseRecipe, SweepRun};

use self::axes::Reader;
use self::keys::{Seeds, SweepKeys};
use crate::check::bad_folder_name;
use crate::document;
use crate::error::{Place, Problem, RecipeError};
use crate::file::text_of;
use crate::origin::Origin;
use crate::overrides::split;
use crate::validate::{orders, validate};
use crate::{Schema, defaults, read};

/// What the file is, in messages.
const SWEEP: &str = "a sweep";

/// The version of the form of sweeps that this crate reads.
const VERSION: i64 = 1;

/// A sweep as its file says it.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Its name, and that of its folder.
    pub name: String,
    /// One line on what it is.
    pub about: Option<String>,
    /// The recipe that the cells change, where they do not name their own.
    pub recipe: Option<String>,
    /// Whether the runs share what a frozen teacher says.
    pub teacher_cache: bool,
    /// What every cell changes.
    pub set: Vec<Change>,
    /// The axes in the order of the file.
    pub axes: Vec<Axis>,
    /// What is to be tuned by it, if anything.
    pub tune: Option<Tune>,
    /// What a command line changes in every cell.
    overrides: Vec<Change>,
    seeds: Option<Seeds>,
    exclude: Vec<grid::Filter>,
    only: Vec<grid::Filter>,
    origin: Origin,
}

impl Sweep {
    /// Reads the sweep in the file `path`.
    ///
    /// # Errors
    /// Where the file cannot be read, is not TOML, or is no valid sweep; see [`from_text`](Self::from_text).
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, RecipeError> {
        let path = path.as_ref();
        Self::from_text(&text_of(path, "sweep")?, &path.display().to_string())
    }

    /// Reads a sweep from TOML; `origin` stands for the file in errors.
    ///
    /// # Errors
    /// With everything that is wrong together. What the choices do to the recipe is not looked at here.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, RecipeError> {
        let (mut table, places) = document::parse(text, origin)?;
        let root = Origin::root(places);
        if let Some(version) = table.get("version").and_then(Value::as_integer)
            && version != VERSION
        {
            let text = format!("is {version}, and this program reads sweeps of version {VERSION}");
            return Err(root.wrong("version", text));
        }
        let mut problems = orders(&table, &root);
        problems.extend(validate(
            &table,
            &SweepKeys::KIND,
            &root,
            &Schema::default(),
            SWEEP,
        ));
        if !problems.is_empty() {
            return Err(RecipeError::invalid(problems));
        }
        let written = table.clone();
        defaults::fill(&mut table, &SweepKeys::KIND);
        let keys: SweepKeys = read::read(&root, Value::Table(table))?;
        // It was read once already.
        let spans = DeTable::parse(text).map_err(|error| RecipeError::Syntax {
            place: root.place(),
            problem: error.message().to_owned(),
        })?;
        Self::of(keys, &written, &Reader::new(text, origin, &root), spans.get_ref())
    }

    fn of(
        keys: SweepKeys,
        written: &Table,
        reader: &Reader<'_>,
        spans: &DeTable<'_>,
    ) -> Result<Self, RecipeError> {
        let root = reader.root;
        let mut problems = Vec::new();
        problems.extend(bad_folder_name(&keys.name).map(|text| root.problem("name", text)));
        problems.extend(keys.seeds.as_ref().and_then(|seeds| seeds.problem(root)));
        let axes = reader.axes(written, spans, &mut problems);
        let set = reader.set(written, spans, &mut problems);
        let mut filters = |key: &str| grid::filters(written, key, &axes, root, &mut problems);
        let (exclude, only) = (filters("exclude"), filters("only"));
        if !problems.is_empty() {
            return Err(RecipeError::invalid(problems));
        }
        Ok(Self {
            name: keys.name,
            about: keys.about,
            recipe: keys.recipe,
            teacher_cache: keys.teacher_cache,
            tune: keys.tune,
            seeds: keys.seeds,
            overrides: Vec::new(),
            set,
            axes,
            exclude,
            only,
            origin: root.clone(),
        })
    }

    /// The same sweep, in which every cell has these overrides besides. They win over what the file says.
    ///
    /// # Errors
    /// With every override that is none.
    pub fn with_overrides(mut self, overrides: &[String]) -> Result<Self, RecipeError> {
        let mut problems = Vec::new();
        for text in overrides {
            let place = Place::Override(text.as_str().into());
            match split(text) {
                Ok((key, value)) => self.overrides.push(Change {
                    key: key.to_owned(),
                    value,
                    place,
                }),
                Err(text) => problems.push(Problem {
                    place,
                    key: String::new(),
                    text,
                }),
            }
        }
        problems.extend(axes::refused(&self.overrides));
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(RecipeError::invalid(problems))
        }
    }

    /// The same sweep with so many seeds, counted up from the recipe's.
    #[must_use]
    pub fn with_seeds(mut self, count: u64) -> Self {
        self.seeds = Some(Seeds::Count(count));
        self
    }

    /// An error about `key` of the sweep. `problem` continues a sentence that begins with the key.
    pub fn wrong(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        self.origin.wrong(key, problem)
    }
}
