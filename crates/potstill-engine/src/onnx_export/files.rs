//! The files of an export, which are there all together or not at all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempDir};

use crate::{
    error::EngineError,
    model_config::{CONFIG, ModelConfig},
};

/// The name of the model card.
const CARD: &str = "README.md";
/// What the front matter of every card of ours has.
const OUR_CARD: &str = "library_name: potstill";

/// The place of an ONNX file and of what stands beside it.
pub(super) struct Beside {
    file: PathBuf,
    folder: PathBuf,
}

/// A file that is written and not proven yet. It is gone when it is dropped.
pub(super) struct Unproven {
    path: PathBuf,
    _room: TempDir,
}

impl Unproven {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> Result<u64, EngineError> {
        let found = fs::metadata(&self.path).map_err(EngineError::io("read", &self.path))?;
        Ok(found.len())
    }
}

impl Beside {
    /// # Errors
    /// A `config.json` of something else in the same folder.
    pub fn new(file: &Path) -> Result<Self, EngineError> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let place = Self {
            file: file.into(),
            folder: folder.unwrap_or(Path::new(".")).into(),
        };
        if file.is_dir() {
            return Err(EngineError::invalid_plan(
                "onnx",
                format!("{} is a folder", file.display()),
            ));
        }
        let config = place.folder.join(CONFIG);
        if config.exists() && ModelConfig::read(&config).is_err() {
            let reason = format!(
                "{} is of something else and would be written over: take another folder",
                config.display()
            );
            return Err(EngineError::invalid_plan("onnx", reason));
        }
        Ok(place)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file's name.
    pub fn name(&self) -> String {
        let name = self.file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Room for the file until it is proven, on the same disk.
    pub fn unproven(&self) -> Result<Unproven, EngineError> {
        let existing = self.folder.ancestors().find(|folder| folder.is_dir());
        let near = existing.unwrap_or(Path::new("."));
        let room = Builder::new()
            .prefix(".tmp")
            .tempdir_in(near)
            .map_err(EngineError::io("write in", near))?;
        Ok(Unproven {
            path: room.path().join("student.onnx"),
            _room: room,
        })
    }

    /// Puts the proven file into its place, its config and its card beside it; the files that were written. A `README.md` of somebody
    /// else stays as it is.
    pub fn keep(&self, proven: &Unproven, config: &str, card: &str) -> Result<Vec<PathBuf>, EngineError> {
        fs::create_dir_all(&self.folder).map_err(EngineError::io("make the folder", &self.folder))?;
        let (config_path, card_path) = (self.folder.join(CONFIG), self.folder.join(CARD));
        let write = |path: &Path, text: &str| {
            potstill_base::write_atomically(path, text.as_bytes()).map_err(EngineError::io("write", path))
        };
        let is_ours = |text: String| text.contains(OUR_CARD);
        let is_free = !card_path.exists() || potstill_base::read_text(&card_path).is_ok_and(is_ours);
        let mut texts = vec![(config_path, config)];
        if is_free {
            texts.push((card_path, card));
        }
        // What was not there before goes again if one of the files cannot be written.
        let new: Vec<PathBuf> = texts
            .iter()
            .map(|(path, _)| path.clone())
            .filter(|path| !path.exists())
            .collect();
        let written = texts.iter().try_for_each(|(path, text)| write(path, text));
        let written = written.and_then(|()| {
            fs::rename(proven.path(), &self.file).map_err(EngineError::io("write", &self.file))
        });
        if let Err(error) = written {
            for path in new {
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
        potstill_base::flush_folder(&self.folder).map_err(EngineError::io("write", &self.folder))?;
        let texts = texts.into_iter().map(|(path, _)| path);
        Ok([self.file.clone()].into_iter().chain(texts).collect())
    }
}
