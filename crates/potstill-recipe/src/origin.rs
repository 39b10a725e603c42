//! Where a part of a recipe was written, so that what turns out wrong later can be reported like what is
//! wrong at once.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::{Places, join};
use crate::error::{Place, Problem, RecipeError};
use crate::read;

/// Where a part of a recipe was written. Of a recipe made in code it is the default: nowhere.
#[derive(Clone, Default)]
pub struct Origin {
    key: String,
    places: Arc<Places>,
}

/// Only the place itself: all that Debug could show is the places of the whole recipe.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.place())
    }
}

/// Two recipes are equal when they say the same, wherever it was written.
impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Origin {
    pub(crate) fn root(places: Places) -> Self {
        Self::root_of(Arc::new(places))
    }

    /// The origin of what is at `key` (dotted) within this part.
    #[must_use]
    pub fn at(&self, key: &str) -> Self {
        Self {
            key: join(&self.key, key),
            places: self.places.clone(),
        }
    }

    /// The origin of the whole recipe that this is a part of.
    pub(crate) fn whole(&self) -> Self {
        Self::root_of(self.places.clone())
    }

    fn root_of(places: Arc<Places>) -> Self {
        Self {
            key: String::new(),
            places,
        }
    }

    /// The dotted key of this part; empty for the whole recipe.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file and line, or the override, that wrote this part.
    pub fn place(&self) -> Place {
        self.places.of(&self.key)
    }

    /// The line (from 1) of this part in its file, if it was written in one.
    pub fn line(&self) -> Option<usize> {
        match self.place() {
            Place::Line(_, line) => Some(line),
            Place::File(_) | Place::Override(_) => None,
        }
    }

    /// Whether `key` within this part was written, by the file or an override.
    pub fn has(&self, key: &str) -> bool {
        self.places.has(&join(&self.key, key))
    }

    /// An error about `key` within this part. `problem` continues a sentence that begins with the key:
    /// `must be above 0, not -1`.
    pub fn wrong(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        RecipeError::invalid(vec![self.problem(key, problem)])
    }

    pub(crate) fn problem(&self, key: &str, problem: impl AsRef<str>) -> Problem {
        let key = if key.is_empty() {
            self.key.clone()
        } else {
            join(&self.key, key)
        };
        let text = format!("`{key}` {}", problem.as_ref());
        Problem {
            place: self.places.of(&key),
            key,
            text,
        }
    }

    /// A problem at `key` within this part whose text is already a whole sentence.
    pub(crate) fn sentence(&self, key: &str, text: String) -> Problem {
        let key = if key.is_empty() {
            self.key.clone()
        } else {
            join(&self.key, key)
        };
        Problem {
            place: self.places.of(&key),
            key,
            text,
        }
    }
}

/// A part of a recipe that another crate reads: its value as written, and where it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim {
    /// The value as written.
    pub value: toml::Value,
    /// Where it was written.
    #[serde(skip)]
    pub origin: Origin,
}

impl Verbatim {
    /// Reads the value into `T`, whose `Deserialize` should deny unknown fields.
    ///
    /// # Errors
    /// With place, key and nearest valid name for each value that `T` does not accept.
    pub fn read_as<T: DeserializeOwned>(&self) -> Result<T, RecipeError> {
        read::read(&self.origin, self.value.clone())
    }
}
