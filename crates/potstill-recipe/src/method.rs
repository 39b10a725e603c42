//! One distillation method of a recipe: its name, its weight, and options that the method itself reads.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RecipeError;
use crate::origin::Origin;
use crate::read;

/// One entry of `[[methods]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// The method's name.
    pub kind: String,
    /// The weight of its loss, at least 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// Every other key of the entry.
    #[serde(flatten)]
    pub options: toml::Table,
    /// Where it was written.
    #[serde(skip)]
    pub origin: Origin,
}

fn one() -> f64 {
    1.0
}

impl MethodSpec {
    /// A method with weight 1 and no options, for a recipe made in code.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            weight: one(),
            options: toml::Table::new(),
            origin: Origin::default(),
        }
    }

    /// The line (from 1) where the entry starts, if a file wrote it.
    pub fn line(&self) -> Option<usize> {
        self.origin.line()
    }

    /// The options as the method's own struct, which should have `#[serde(deny_unknown_fields, default)]`.
    /// What the struct cannot check, such as ranges, the method reports by [`MethodSpec::wrong`].
    ///
    /// # Errors
    /// With place, key and nearest valid name, for all keys that are unknown or of the wrong type.
    pub fn options_as<T: DeserializeOwned>(&self) -> Result<T, RecipeError> {
        read::read(
            &self.origin,
            toml::Value::Table(self.options.clone()),
            &["kind", "weight"],
        )
    }

    /// Whether the `value` of the option `key` is a number above 0.
    ///
    /// # Errors
    /// [`MethodSpec::wrong`] if not.
    pub fn positive(&self, key: &str, value: f64) -> Result<(), RecipeError> {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(self.wrong(key, "must be a positive number"))
    }

    /// Whether the `value` of the option `key` is a number of at least 0.
    ///
    /// # Errors
    /// [`MethodSpec::wrong`] if not.
    pub fn not_negative(&self, key: &str, value: f64) -> Result<(), RecipeError> {
        if value.is_finite() && value >= 0.0 {
            return Ok(());
        }
        Err(self.wrong(key, "must be a number of at least 0"))
    }

    /// Whether the `value` of the option `key` is a count of at most `most`: what is beyond is a slip, and would not fit in memory.
    ///
    /// # Errors
    /// [`MethodSpec::wrong`] if not.
    pub fn at_most(&self, key: &str, value: usize, most: usize) -> Result<(), RecipeError> {
        if value <= most {
            return Ok(());
        }
        Err(self.wrong(key, format!("must be at most {most}, not {value}")))
    }

    /// An error about the option `key`; `problem` continues a sentence that begins with the key: `must be
    /// above 0, not -1`.
    pub fn wrong(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        self.origin.wrong(key, problem)
    }
}
