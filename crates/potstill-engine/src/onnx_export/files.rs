//! The files of an export, which are there all together or not at all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use potstill_base::write_atomically;

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

impl Beside {
    /// # Errors
    /// A folder in the place of the file, a `config.json` of something else beside it.
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

    /// Writes the config, the card and, when they are there, the ONNX file; tells all of them, the ONNX file first. A `README.md` of
    /// somebody else stays as it is. What was not there before goes again if one of them cannot be written.
    pub fn write(&self, onnx: &[u8], config: &str, card: &str) -> Result<Vec<PathBuf>, EngineError> {
        let card_path = self.folder.join(CARD);
        let is_ours = |text: String| text.contains(OUR_CARD);
        let is_free = !card_path.exists() || potstill_base::read_text(&card_path).is_ok_and(is_ours);
        let mut files = vec![(self.folder.join(CONFIG), config.as_bytes())];
        if is_free {
            files.push((card_path, card.as_bytes()));
        }
        files.push((self.file.clone(), onnx));

        let has_folder = self.folder.is_dir();
        let new: Vec<&PathBuf> = files
            .iter()
            .map(|(path, _)| path)
            .filter(|path| !path.exists())
            .collect();
        let made = fs::create_dir_all(&self.folder).map_err(EngineError::io("make the folder", &self.folder));
        let written = made.and_then(|()| {
            files.iter().try_for_each(|(path, bytes)| {
                write_atomically(path, bytes).map_err(EngineError::io("write", path))
            })
        });
        if let Err(error) = written {
            for path in new {
                let _ = fs::remove_file(path);
            }
            if !has_folder {
                let _ = fs::remove_dir(&self.folder);
            }
            return Err(error);
        }
        Ok(files.into_iter().rev().map(|(path, _)| path).collect())
    }
}
