//! The error that lists everything in which a file and a network differ.

use std::{fmt, path::PathBuf};

/// A file whose tensors are not exactly the network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightMismatch {
    /// The file.
    pub file: PathBuf,
    /// Tensors of the network that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the network has no place for.
    pub extra: Vec<String>,
    /// Tensors whose shapes differ.
    pub wrong_shape: Vec<ShapeMismatch>,
    /// The path of the network's last layer.
    pub head: &'static str,
}

/// A tensor that has one shape in the file and another in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// The tensor's name in the network.
    pub name: String,
    /// Its shape in the file.
    pub file: Vec<usize>,
    /// Its shape in the network.
    pub network: Vec<usize>,
}

impl std::error::Error for WeightMismatch {}

impl fmt::Display for WeightMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} does not fit the network; nothing was loaded",
            self.file.display()
        )?;
        list(f, "missing in the file", &self.missing)?;
        list(f, "not part of the network", &self.extra)?;
        let wrong_shape: Vec<String> = self
            .wrong_shape
            .iter()
            .map(|one| {
                format!(
                    "{}: {:?} in the file, {:?} in the network",
                    one.name, one.file, one.network
                )
            })
            .collect();
        list(f, "of another shape", &wrong_shape)?;
        if let Some(hint) = self.hint() {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl WeightMismatch {
    /// What most likely went wrong.
    fn hint(&self) -> Option<&'static str> {
        let is_shortcut = |name: &String| name.contains("downsample");
        let about_shortcuts = |names: &[String]| !names.is_empty() && names.iter().all(is_shortcut);
        let only_head = self.missing.is_empty() && self.extra.is_empty();
        if about_shortcuts(&self.extra) {
            Some("the file's shortcuts are projections: set `shortcut = \"b\"`")
        } else if about_shortcuts(&self.missing) {
            Some("the file has no shortcut projections: set `shortcut = \"a\"`")
        } else if only_head
            && self
                .wrong_shape
                .iter()
                .all(|one| one.name.starts_with(&format!("{}.", self.head)))
        {
            Some("only the classifier differs: the file was trained for another number of classes")
        } else {
            None
        }
    }
}

/// Names beyond this many are counted, not listed.
const LISTED: usize = 12;

fn list(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    write!(f, "\n  {} {what}:", names.len())?;
    for name in names.iter().take(LISTED) {
        write!(f, "\n    {name}")?;
    }
    if names.len() > LISTED {
        write!(f, "\n    … and {} more", names.len() - LISTED)?;
    }
    Ok(())
}
