//! The runs of a sweep on disk: where each lies, and how far it is.

use std::path::{Path, PathBuf};

use potstill_base::{did_you_mean, nearest};
use potstill_engine::RunFolder;
use potstill_recipe::{Recipe, Sweep, SweepRun};
use potstill_report::read_summary;

use crate::failure::Failure;

/// One run of a sweep.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its recipe and its choices.
    pub run: SweepRun,
    /// The same recipe without the cache of what a teacher says, where the sweep shares that.
    pub without_cache: Option<Recipe>,
    /// Its folder.
    pub folder: PathBuf,
    /// What lies there.
    pub state: State,
}

/// What lies in the folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Todo,
    /// A run that has begun.
    Started,
    /// A finished run.
    Finished,
    /// A run of another recipe; this says how they differ.
    Changed(String),
}

impl State {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Todo => "to do",
            Self::Started => "begun",
            Self::Finished => "finished",
            Self::Changed(_) => "changed",
        }
    }
}

impl Cell {
    /// Runs of a sweep below this folder. Where the sweep shares what teachers say, `augment_seed` chooses the augmented images of all.
    pub fn all(
        sweep: &Sweep,
        runs: Vec<SweepRun>,
        folder: &Path,
        augment_seed: u64,
    ) -> Result<Vec<Self>, Failure> {
        let cell = |mut run: SweepRun| {
            let folder = folder.join(&run.cell).join(format!("seed-{}", run.recipe.seed));
            let mut without_cache = None;
            if sweep.teacher_cache {
                run.recipe.data.augment_seed.get_or_insert(augment_seed);
                without_cache = Some(run.recipe.clone());
                keep_what_teachers_say(&mut run.recipe);
            }
            let mut cell = Self {
                run,
                without_cache,
                folder,
                state: State::Todo,
            };
            cell.look()?;
            Ok(cell)
        };
        runs.into_iter().map(cell).collect()
    }

    /// Its name in the sweep: `CELL/seed-N`.
    pub fn id(&self) -> String {
        self.run.id()
    }

    /// Whether it has to be run.
    pub fn is_open(&self) -> bool {
        self.state != State::Finished
    }

    /// Looks at what lies in its folder now.
    pub fn look(&mut self) -> Result<(), Failure> {
        self.state = self.found()?;
        Ok(())
    }

    fn found(&mut self) -> Result<State, Failure> {
        let Ok(place) = RunFolder::open(&self.folder) else {
            RunFolder::is_free(&self.folder, false).or_else(|error| match error {
                // Another process is just beginning there.
                potstill_engine::EngineError::InUse { .. } | potstill_engine::EngineError::Exists(_) => {
                    Ok(())
                }
                other => Err(other),
            })?;
            return Ok(State::Todo);
        };
        if let Some(difference) = place.differs_from(&self.run.recipe)? {
            match &self.without_cache {
                Some(recipe) if place.differs_from(recipe)?.is_none() => self.give_up_the_cache(),
                _ => return Ok(State::Changed(difference)),
            }
        }
        let summary = place.summary();
        let finished = summary.is_file() && read_summary(summary)?.finished;
        Ok(if finished { State::Finished } else { State::Started })
    }

    /// From now on the run asks its teacher at every step.
    pub fn give_up_the_cache(&mut self) {
        if let Some(recipe) = self.without_cache.take() {
            self.run.recipe = recipe;
        }
    }
}

/// Keeps what each teacher says of each image, so that the next run reads it.
fn keep_what_teachers_say(recipe: &mut Recipe) {
    let all = recipe.teacher.iter_mut().chain(recipe.teachers.values_mut());
    for teacher in all {
        teacher.cache = true;
        teacher.cache_taps = true;
    }
}

/// Those of these names, in the order of the sweep.
pub fn picked(cells: Vec<Cell>, names: &[String]) -> Result<Vec<Cell>, Failure> {
    let ids: Vec<String> = cells.iter().map(Cell::id).collect();
    for name in names {
        if !ids.contains(name) {
            let meant = did_you_mean(nearest(name, ids.iter().map(String::as_str)));
            return Err(Failure::Usage(format!(
                "the sweep has no run `{name}`{meant}; `--dry-run` names them all"
            )));
        }
    }
    Ok(cells
        .into_iter()
        .filter(|cell| names.contains(&cell.id()))
        .collect())
}

/// So many changed runs are named.
const MOST_TOLD: usize = 10;

/// Refuses runs of other recipes, unless they are to be begun again.
pub fn refuse_changed(cells: &[Cell], overwrite: bool) -> Result<(), Failure> {
    let changed = cells.iter().filter_map(|cell| match &cell.state {
        State::Changed(how) => Some(format!("{}: {how}", cell.folder.display())),
        _ => None,
    });
    let mut changed: Vec<String> = changed.collect();
    if overwrite || changed.is_empty() {
        return Ok(());
    }
    let count = changed.len();
    if count > MOST_TOLD {
        changed.truncate(MOST_TOLD);
        changed.push(format!("and {} more", count - MOST_TOLD));
    }
    Err(Failure::Usage(format!(
        "{count} of the runs that are there are of another recipe:\n{}\n`--overwrite` begins them again; another `name` of the sweep keeps them",
        changed.join("\n")
    )))
}
