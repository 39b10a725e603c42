//! The folder of a run, `runs/NAME/`, and what lies where in it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use potstill_base::{
    Claim, OwnerLock, flush_folder, is_unfinished, remove_unfinished, write_atomically_with,
};
use potstill_report::tensorboard::BEGINNING;

use crate::{checkpoint::Position, error::EngineError, model_config::GRAPH, plan::timeline::RunEpoch};

/// The folder of one run.
///
/// | file | what |
/// |---|---|
/// | `recipe.toml` | the resolved recipe |
/// | `graph.onnx` | the ONNX file that the student is made of, without its weights, if it is made of one |
/// | `log.txt` | what was printed |
/// | `metrics.jsonl` | one line per epoch |
/// | `events.out.tfevents.*` | the same for `TensorBoard` |
/// | `last.safetensors`, `best.safetensors` | checkpoints |
/// | `checkpoints/` | those before the last, as many as `train.keep` says |
/// | `refused.safetensors` | the batch of a step whose loss was no number, for `potstill replay` |
/// | `pictures/` | what an augmentation does, after each of its rounds |
/// | `student/` | the student, ready to deploy |
/// | `summary.json`, `report.html` | the run in one page |
/// | `run.lock` | who writes here, while somebody does |
///
/// One process at a time writes in a folder. Clones of a folder that is claimed share the claim.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    owned: Option<Arc<OwnerLock>>,
}

impl RunFolder {
    /// The folder at a path, whatever is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.into(),
            owned: None,
        }
    }

    /// Makes the folder for a new run, and claims it.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if a run lies there and is not to be overwritten, [`EngineError::InUse`] if it is under way. A folder with
    /// files of other kinds is never cleared.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, EngineError> {
        Self::holds_room(path, overwrite)?;
        fs::create_dir_all(path).map_err(EngineError::io("make the folder", path))?;
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            flush_folder(above).map_err(EngineError::io("write", above))?;
        }
        let folder = Self::at(path).claim()?;
        // Another process may have come and gone meanwhile.
        Self::holds_room(path, overwrite)?;
        folder.clear()?;
        Ok(folder)
    }

    /// Says whether [`create`](Self::create) would succeed. Nothing of a run is touched: `run.lock` is held for a moment.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn is_free(path: &Path, overwrite: bool) -> Result<(), EngineError> {
        Self::holds_room(path, overwrite)?;
        if path.is_dir() {
            Self::at(path).claim()?;
        }
        Ok(())
    }

    /// Whether what lies here leaves room for a new run.
    fn holds_room(path: &Path, overwrite: bool) -> Result<(), EngineError> {
        if Self::at(path).recipe().is_file() {
            return if overwrite {
                Ok(())
            } else {
                Err(EngineError::Exists(path.into()))
            };
        }
        let is_strange = |name: &str| name != LOCK && !is_unfinished(name);
        let strange = path.read_dir().is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| is_strange(&entry.file_name().to_string_lossy()))
        });
        if strange {
            let reason = "it holds other files and no recipe.toml, so it is left alone".into();
            return Err(EngineError::NoRun {
                folder: path.into(),
                reason,
            });
        }
        Ok(())
    }

    /// The folder of a run that has begun.
    ///
    /// # Errors
    /// [`EngineError::NoRun`] if there is no `recipe.toml`.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let folder = Self::at(path);
        if folder.recipe().is_file() {
            return Ok(folder);
        }
        Err(EngineError::NoRun {
            folder: path.into(),
            reason: "it has no recipe.toml".into(),
        })
    }

    /// The same folder for this process alone, until it and its clones are dropped.
    ///
    /// # Errors
    /// [`EngineError::InUse`] if another process has it, with its number, its host and since when.
    pub fn claim(self) -> Result<Self, EngineError> {
        if self.owned.is_some() {
            return Ok(self);
        }
        let lock = self.path.join(LOCK);
        match OwnerLock::claim(&lock).map_err(EngineError::io("lock", &lock))? {
            Claim::Taken(lock) => Ok(Self {
                owned: Some(Arc::new(lock)),
                ..self
            }),
            Claim::Owned(owner) => Err(EngineError::InUse {
                folder: self.path,
                owner,
            }),
        }
    }

    /// Removes what a run leaves, and nothing else: its recipe last, so that what is left of a process that is killed meanwhile is known
    /// for a run's.
    pub(crate) fn clear(&self) -> Result<(), EngineError> {
        self.clear_results()?;
        remove_if_there(&self.graph())?;
        remove_if_there(&self.recipe())
    }

    /// Removes what a run leaves besides its recipe. The checkpoints that a run goes on from where the last one is broken go first, then
    /// the last one: who is killed before that leaves the run that was there, and after that none, never one that goes on from an older state.
    pub(crate) fn clear_results(&self) -> Result<(), EngineError> {
        remove_folder(&self.checkpoints())?;
        remove_if_there(&self.best())?;
        remove_if_there(&self.last())?;
        remove_folder(&self.student())?;
        remove_folder(&self.pictures())?;
        let entries = self
            .path
            .read_dir()
            .map_err(EngineError::io("list", &self.path))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if FILES.contains(&name.as_str()) || name.starts_with(BEGINNING) {
                remove_if_there(&entry.path())?;
            }
        }
        self.tidy()
    }

    /// Removes what writes that were killed left behind.
    pub(crate) fn tidy(&self) -> Result<(), EngineError> {
        let folders = [
            self.path.clone(),
            self.checkpoints(),
            self.student(),
            self.pictures(),
        ];
        folders
            .into_iter()
            .try_for_each(|folder| remove_unfinished(&folder).map_err(EngineError::io("tidy up", folder)))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved recipe.
    pub fn recipe(&self) -> PathBuf {
        self.path.join("recipe.toml")
    }

    /// The ONNX file that the student is made of, without its weights.
    pub fn graph(&self) -> PathBuf {
        self.path.join(GRAPH)
    }

    /// One line of JSON per epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The run in one page of JSON.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The run in one page to look at.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The latest checkpoint.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// The checkpoint of the best epoch.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// The batch of a step whose loss was no number, and everything as it was before that step.
    pub fn refused(&self) -> PathBuf {
        self.path.join("refused.safetensors")
    }

    /// Checkpoints before the last one.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Where the checkpoint of a position is kept when it is no longer the last one.
    pub(crate) fn kept_at(&self, position: Position) -> PathBuf {
        let Position { epoch, step } = position;
        let name = match step {
            0 => format!("epoch-{}.safetensors", epoch.0),
            step => format!("epoch-{}-step-{step}.safetensors", epoch.0),
        };
        self.checkpoints().join(name)
    }

    /// The checkpoints before the last one, the latest first.
    pub(crate) fn kept(&self) -> Result<Vec<(Position, PathBuf)>, EngineError> {
        let folder = self.checkpoints();
        let entries = match folder.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(EngineError::io("list", &folder))?,
        };
        let position = |name: &str| {
            let numbers = name.strip_prefix("epoch-")?.strip_suffix(".safetensors")?;
            let (epoch, step) = numbers.split_once("-step-").unwrap_or((numbers, "0"));
            Some(Position {
                epoch: RunEpoch(epoch.parse().ok()?),
                step: step.parse().ok()?,
            })
        };
        let kept = entries
            .flatten()
            .filter_map(|entry| Some((position(&entry.file_name().to_string_lossy())?, entry.path())));
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by(|a, b| b.cmp(a));
        Ok(kept)
    }

    /// Pictures of augmentations.
    pub fn pictures(&self) -> PathBuf {
        self.path.join("pictures")
    }

    /// The deployable student.
    pub fn student(&self) -> PathBuf {
        self.path.join("student")
    }

    /// Adds a line to the log.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn log(&self, line: &str) -> Result<(), EngineError> {
        let path = self.path.join("log.txt");
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(EngineError::io("write", path))
    }
}

/// Copies a file whole or not at all.
pub(crate) fn copy_whole(from: &Path, to: &Path) -> Result<(), EngineError> {
    let mut source = fs::File::open(from).map_err(EngineError::io("read", from))?;
    write_atomically_with(to, |file| io::copy(&mut source, file).map(drop))
        .map_err(EngineError::io("write", to))
}

/// Removes a file that may have gone already.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(EngineError::io("remove", path)),
    }
}

/// Removes a folder, if it is there, with everything in it.
fn remove_folder(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(EngineError::io("remove", path)),
    }
}

/// Whether something is there. A file system that does not answer is an error: it does not say that nothing is there.
pub(crate) fn exists(path: &Path) -> Result<bool, EngineError> {
    path.try_exists().map_err(EngineError::io("look at", path))
}

/// Who writes in a folder.
const LOCK: &str = "run.lock";

/// What a run leaves besides its checkpoints.
const FILES: [&str; 5] = [
    "log.txt",
    "metrics.jsonl",
    "summary.json",
    "report.html",
    "refused.safetensors",
];
