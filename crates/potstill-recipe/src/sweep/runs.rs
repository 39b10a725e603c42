//! The runs of a sweep: the recipe of each cell, with each seed.

use std::collections::HashMap;
use std::path::Path;

use toml::Table;

use super::axes::{Choice, RECIPE, problem};
use super::{Change, Sweep, grid};
use crate::check::bad_folder_name;
use crate::document::{self, Places};
use crate::error::{Place, Problem, RecipeError};
use crate::file::text_of;
use crate::origin::Origin;
use crate::overrides::put_value;
use crate::{Recipe, Schema};

/// The text of the recipe that a cell changes.
#[derive(Debug, Clone)]
pub struct BaseRecipe {
    /// TOML.
    pub text: String,
    /// What stands for the file in errors.
    pub origin: String,
}

impl BaseRecipe {
    /// The text of the file at `path`.
    ///
    /// # Errors
    /// [`RecipeError::Read`].
    pub fn from_path(path: &Path) -> Result<Self, RecipeError> {
        Ok(Self {
            text: text_of(path, "recipe")?,
            origin: path.display().to_string(),
        })
    }
}

/// One run of a sweep.
#[derive(Debug, Clone)]
pub struct SweepRun {
    /// The cell, which is the name of the recipe: the names of its choices, joined.
    pub cell: String,
    /// The choice of each axis, as `(axis, choice)`.
    pub choices: Vec<(String, String)>,
    /// The recipe, with its seed.
    pub recipe: Recipe,
    /// What the sweep changes in its recipe, the seed aside.
    pub changes: Vec<Change>,
}

impl SweepRun {
    /// What tells it from all other runs of the sweep, and its place in the sweep's folder: `kd-wide/seed-0`.
    pub fn id(&self) -> String {
        format!("{}/seed-{}", self.cell, self.recipe.seed)
    }
}

/// More runs than anyone waits for.
const MOST_RUNS: usize = 10_000;

impl Sweep {
    /// Every run: all cells with their first seed, then all with their second, and so on; of the axes the last one changes first.
    /// `read` gives the text of a recipe that the sweep names.
    ///
    /// # Errors
    /// With everything that is wrong in any cell together; cells of one name, or that are the same recipe; more than 10,000 runs.
    pub fn runs(
        &self,
        schema: &Schema,
        read: &dyn Fn(&str) -> Result<BaseRecipe, RecipeError>,
    ) -> Result<Vec<SweepRun>, RecipeError> {
        let seeds = self.seeds.as_ref().map_or(1, super::keys::Seeds::count);
        let count = grid::count(&self.axes).and_then(|cells| cells.checked_mul(seeds));
        if count.is_none_or(|count| count > MOST_RUNS) {
            let count = count.map_or("too many to count".to_owned(), |count| count.to_string());
            return Err(self.wrong(
                "axes",
                format!("and `seeds` make a grid of {count} runs, and at most {MOST_RUNS} are taken"),
            ));
        }
        let combinations = grid::combinations(&self.axes, &self.exclude, &self.only);
        if combinations.is_empty() {
            return Err(self.wrong("axes", "leave no combination: `exclude` and `only` take all away"));
        }
        let mut bases = Bases {
            read,
            parsed: HashMap::new(),
        };
        let mut cells = Vec::new();
        let mut found = Problems::default();
        for combination in combinations {
            let cell = self.cell(&combination, &mut bases)?;
            match cell.recipe(schema) {
                Ok(recipe) => cells.push((cell, recipe)),
                Err(RecipeError::Invalid { problems }) => found.of(&cell.name, problems),
                Err(other) => return Err(other),
            }
            found.cells += 1;
        }
        found.none()?;
        tell_apart(&cells)?;
        Ok(self.for_each_seed(cells))
    }

    /// The cell of a combination.
    fn cell(&self, combination: &[usize], bases: &mut Bases<'_>) -> Result<Cell, RecipeError> {
        let chosen = self.axes.iter().zip(combination);
        let chosen: Vec<(&str, &Choice)> = chosen
            .map(|(axis, choice)| (axis.name.as_str(), &axis.choices[*choice]))
            .collect();
        let names: Vec<&str> = chosen.iter().map(|(_, choice)| choice.name.as_str()).collect();
        let mut changes = self.set.clone();
        changes.extend(chosen.iter().flat_map(|(_, choice)| choice.changes.clone()));
        changes.extend(self.overrides.clone());
        let own = changes.iter().rev().find(|change| change.key == RECIPE);
        let (table, places) = match own {
            Some(change) => {
                let name = change.value.as_str().unwrap_or_default();
                bases.parsed(name).map_err(|error| match error {
                    RecipeError::Read { .. } => {
                        RecipeError::invalid(vec![problem(change, &error.to_string())])
                    }
                    other => other,
                })?
            }
            None => bases.parsed(self.recipe.as_deref().ok_or_else(|| {
                let text = "must name a recipe: not every cell has a choice that names its own";
                self.wrong("recipe", text)
            })?)?,
        };
        changes.retain(|change| change.key != RECIPE);
        let name = match names.as_slice() {
            // A sweep over seeds alone.
            [] => match table.get("name") {
                Some(toml::Value::String(name)) => name.clone(),
                _ => self.name.clone(),
            },
            names => names.join("-"),
        };
        let place = chosen.first().and_then(|(_, choice)| choice.place().cloned());
        Ok(Cell {
            name,
            choices: chosen
                .iter()
                .map(|(axis, choice)| ((*axis).to_owned(), choice.name.clone()))
                .collect(),
            changes,
            table,
            places,
            place: place.unwrap_or_else(|| self.origin.at("axes").place()),
        })
    }

    fn for_each_seed(&self, cells: Vec<(Cell, Recipe)>) -> Vec<SweepRun> {
        let seeds = |recipe: &Recipe| match &self.seeds {
            Some(seeds) => seeds.of(recipe.seed),
            None => vec![recipe.seed],
        };
        let cells: Vec<_> = cells
            .into_iter()
            .map(|(cell, recipe)| (seeds(&recipe), cell, recipe))
            .collect();
        let most = cells.iter().map(|(seeds, ..)| seeds.len()).max().unwrap_or(0);
        let of_turn = |turn: usize| {
            cells.iter().filter_map(move |(seeds, cell, recipe)| {
                Some(SweepRun {
                    cell: cell.name.clone(),
                    choices: cell.choices.clone(),
                    changes: cell.changes.clone(),
                    recipe: Recipe {
                        seed: *seeds.get(turn)?,
                        ..recipe.clone()
                    },
                })
            })
        };
        (0..most).flat_map(of_turn).collect()
    }
}

/// Refuses cells of one name and cells of one recipe.
fn tell_apart(cells: &[(Cell, Recipe)]) -> Result<(), RecipeError> {
    let mut names: HashMap<&str, &Cell> = HashMap::new();
    let mut texts: HashMap<String, &Cell> = HashMap::new();
    let mut problems = Vec::new();
    let refused = |cell: &Cell, text: String| Problem {
        place: cell.place.clone(),
        key: String::new(),
        text,
    };
    for (cell, recipe) in cells {
        if let Some(text) = bad_folder_name(&cell.name) {
            problems.push(refused(cell, format!("the cell's name {text}")));
        }
        if let Some(earlier) = names.insert(&cell.name, cell) {
            let text = format!(
                "two cells would be called `{}`: {} and {}; rename a choice",
                cell.name,
                earlier.in_words(),
                cell.in_words()
            );
            problems.push(refused(cell, text));
            continue;
        }
        let nameless = Recipe {
            name: String::new(),
            ..recipe.clone()
        };
        if let Some(earlier) = texts.insert(nameless.to_toml()?, cell) {
            let text = format!(
                "the cells `{}` and `{}` are the same recipe: leave one out (`exclude`)",
                earlier.name, cell.name
            );
            problems.push(refused(cell, text));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(RecipeError::invalid(problems))
    }
}

/// A combination of choices, and the recipe that it changes.
struct Cell {
    name: String,
    choices: Vec<(String, String)>,
    changes: Vec<Change>,
    table: Table,
    places: Places,
    /// Where its first choice was written.
    place: Place,
}

impl Cell {
    /// The recipe, changed and checked.
    fn recipe(&self, schema: &Schema) -> Result<Recipe, RecipeError> {
        let (mut table, mut places) = (self.table.clone(), self.places.clone());
        let mut problems = Vec::new();
        for change in &self.changes {
            match put_value(&mut table, &change.key, change.value.clone()) {
                Ok(()) => places.replace(&change.key, &change.place),
                Err(text) => problems.push(problem(change, &text)),
            }
        }
        table.insert("name".into(), self.name.clone().into());
        schema.read_table(table, Origin::root(places), problems)
    }

    fn in_words(&self) -> String {
        let choices = self.choices.iter();
        let choices: Vec<String> = choices.map(|(axis, choice)| format!("{axis} {choice}")).collect();
        choices.join(", ")
    }
}

/// The recipes that cells change, each read once.
struct Bases<'a> {
    read: &'a dyn Fn(&str) -> Result<BaseRecipe, RecipeError>,
    parsed: HashMap<String, (Table, Places)>,
}

impl Bases<'_> {
    fn parsed(&mut self, name: &str) -> Result<(Table, Places), RecipeError> {
        if let Some(parsed) = self.parsed.get(name) {
            return Ok(parsed.clone());
        }
        let base = (self.read)(name)?;
        let parsed = document::parse(&base.text, &base.origin)?;
        self.parsed.insert(name.to_owned(), parsed.clone());
        Ok(parsed)
    }
}

/// What is wrong in the cells, each mistake once, with the first cell that has it.
#[derive(Default)]
struct Problems {
    found: Vec<(Problem, String, usize)>,
    cells: usize,
}

impl Problems {
    fn of(&mut self, cell: &str, problems: Vec<Problem>) {
        for problem in problems {
            match self.found.iter_mut().find(|(known, ..)| *known == problem) {
                Some((_, _, cells)) => *cells += 1,
                None => self.found.push((problem, cell.to_owned(), 1)),
            }
        }
    }

    fn none(self) -> Result<(), RecipeError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let all = self.cells;
        let told = |(mut problem, cell, cells): (Problem, String, usize)| {
            if cells < all {
                problem.text = format!("{} (in the cell `{cell}`)", problem.text);
            }
            problem
        };
        Err(RecipeError::invalid(self.found.into_iter().map(told).collect()))
    }
}
