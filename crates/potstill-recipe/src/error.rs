//! What can be wrong with a recipe: each problem says where, what, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use potstill_base::{printable, printable_lines};

/// What can be wrong with a recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("cannot read the {what} {}: {source}{advice}", path.display())]
    Read {
        /// What it should be: a recipe, or a sweep.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do, or nothing.
        advice: String,
    },

    /// The text is not TOML.
    #[error("{place}: this is not valid TOML: {problem}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser said.
        problem: String,
    },

    /// The text is TOML but no recipe: one line for each problem.
    #[error("{}", lines(problems))]
    Invalid {
        /// What was found, in the order of the file, overrides last; the first hundred.
        problems: Vec<Problem>,
    },

    /// A recipe made in code holds what TOML cannot say, such as a seed beyond 63 bits.
    #[error("this recipe cannot be written as TOML: {0}")]
    Write(#[from] toml::ser::Error),
}

impl RecipeError {
    /// Many problems as one error, in the order in which a reader goes through the file.
    pub(crate) fn invalid(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        problems.truncate(MOST_TOLD);
        Self::Invalid { problems }
    }
}

/// Nobody reads on behind so many lines.
const MOST_TOLD: usize = 100;

fn lines(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if problems.len() == MOST_TOLD {
        lines.push(format!(
            "… these are the first {MOST_TOLD} mistakes; there may be more"
        ));
    }
    lines.join("\n")
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// The dotted key that it is about.
    pub key: String,
    /// What is wrong with it and what to do, naming the key.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, printable_lines(&self.text))
    }
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, but nowhere in particular: what is missing has no line.
    File(Arc<str>),
    /// On a line (from 1) of a file.
    Line(Arc<str>, usize),
    /// In an override such as `train.epochs=3`.
    Override(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{file}"),
            Self::Line(file, line) => write!(f, "{file}:{line}"),
            Self::Override(text) => write!(f, "override `{}`", printable(text)),
        }
    }
}
