//! The error that lists everything in which a file and a network differ.

use std::{fmt, path::PathBuf};

use potstill_settings::Shortcut;

use super::{Asked, head::is_below};

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
    /// Where the network was asked for.
    pub asked: Asked,
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
    /// Whether file and network do not differ.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.wrong_shape.is_empty()
    }

    /// What most likely went wrong, and how to mend it.
    fn hint(&self) -> Option<String> {
        let is_shortcut = |name: &String| name.contains("downsample");
        let about_shortcuts = |names: &[String]| !names.is_empty() && names.iter().all(is_shortcut);
        if about_shortcuts(&self.extra) {
            let asked = self.asked.shortcut(Shortcut::Projection);
            return Some(format!("the file's shortcuts are projections: set {asked}"));
        }
        if about_shortcuts(&self.missing) {
            let asked = self.asked.shortcut(Shortcut::Subsample);
            return Some(format!("the file has no shortcut projections: set {asked}"));
        }
        if self.is_about_head() {
            let what = "only the classifier differs: the file was trained for other classes, or has another last layer";
            return Some(match self.asked.new_head() {
                Some(new) => format!("{what}; {new} takes all but the classifier, which then starts anew"),
                None => what.into(),
            });
        }
        let has = |part: &str| self.extra.iter().any(|name| name.contains(part));
        if has("head_dist") || has("dist_token") {
            let what = "the file is a distilled DeiT, which has a second token and a second head (`dist_token`, `head_dist`); that \
                        network is not built here: take the weights of the plain one";
            return Some(what.into());
        }
        if has("zero_point") || has("_packed_params") || has("weight_scale") {
            return Some(
                "the file is quantised: take the floating-point weights that it was made from".into(),
            );
        }
        None
    }

    fn is_about_head(&self) -> bool {
        let root = self.head.split('.').next().unwrap_or(self.head);
        let wrong = self.wrong_shape.iter().map(|one| &one.name);
        let mut all = self.missing.iter().chain(&self.extra).chain(wrong);
        all.all(|name| is_below(name, root))
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
