//! The folder of a run, `runs/NAME/`, and what lies where in it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use crate::error::EngineError;

/// The folder of one run.
///
/// | file | what |
/// |---|---|
/// | `recipe.toml` | the resolved recipe |
/// | `log.txt` | what was printed |
/// | `metrics.jsonl` | one line per epoch |
/// | `events.out.tfevents.*` | the same for TensorBoard |
/// | `last.safetensors`, `best.safetensors` | checkpoints |
/// | `pictures/` | what an augmentation does, after each of its rounds |
/// | `student/` | the student, ready to deploy |
/// | `summary.json`, `report.html` | the run in one page |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if a run lies there and is not to be overwritten. A folder with files of other kinds is never
    /// cleared.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, EngineError> {
        Self::is_free(path, overwrite)?;
        let folder = Self(path.into());
        if folder.recipe().is_file() {
            folder.clear()?;
        }
        fs::create_dir_all(path).map_err(EngineError::io("make the folder", path))?;
        Ok(folder)
    }

    /// Says whether [`create`](Self::create) would succeed, without touching anything.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn is_free(path: &Path, overwrite: bool) -> Result<(), EngineError> {
        let folder = Self(path.into());
        if folder.recipe().is_file() {
            return if overwrite {
                Ok(())
            } else {
                Err(EngineError::Exists(path.into()))
            };
        }
        if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
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
        let folder = Self(path.into());
        if folder.recipe().is_file() {
            return Ok(folder);
        }
        Err(EngineError::NoRun {
            folder: path.into(),
            reason: "it has no recipe.toml".into(),
        })
    }

    /// Removes what a run leaves, and nothing else.
    fn clear(&self) -> Result<(), EngineError> {
        let entries = self.0.read_dir().map_err(EngineError::io("list", &self.0))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = FILES.contains(&name.as_str()) || name.starts_with("events.out.tfevents.");
            if ours {
                fs::remove_file(entry.path()).map_err(EngineError::io("remove", entry.path()))?;
            }
        }
        for folder in [self.student(), self.pictures()] {
            if folder.is_dir() {
                fs::remove_dir_all(&folder).map_err(EngineError::io("remove", folder))?;
            }
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The resolved recipe.
    pub fn recipe(&self) -> PathBuf {
        self.0.join("recipe.toml")
    }

    /// One line of JSON per epoch.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// The run in one page of JSON.
    pub fn summary(&self) -> PathBuf {
        self.0.join("summary.json")
    }

    /// The run in one page to look at.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The latest checkpoint.
    pub fn last(&self) -> PathBuf {
        self.0.join("last.safetensors")
    }

    /// The checkpoint of the best epoch.
    pub fn best(&self) -> PathBuf {
        self.0.join("best.safetensors")
    }

    /// Pictures of augmentations.
    pub fn pictures(&self) -> PathBuf {
        self.0.join("pictures")
    }

    /// The deployable student.
    pub fn student(&self) -> PathBuf {
        self.0.join("student")
    }

    /// Adds a line to the log.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn log(&self, line: &str) -> Result<(), EngineError> {
        let path = self.0.join("log.txt");
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(EngineError::io("write", path))
    }
}

const FILES: [&str; 7] = [
    "recipe.toml",
    "log.txt",
    "metrics.jsonl",
    "summary.json",
    "report.html",
    "last.safetensors",
    "best.safetensors",
];
