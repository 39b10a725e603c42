//! One distillation method of a recipe: its name, its weight, and options that the method itself reads.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RecipeError;
use crate::origin::Origin;
use crate::read;
use crate::recipe::Recipe;

/// One entry of `[[methods]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// Which method it is.
    pub kind: String,
    /// The entry's name in logs, checkpoints and phases; see [`Recipe::method_ids`] if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The weight of its loss, at least 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// The teachers that it learns from; see [`Recipe::teachers_of`] if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherNames>,
    /// The weight of each of these teachers in their average; equal if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher_weights: Option<Vec<f64>>,
    /// Every other key of the entry.
    #[serde(flatten)]
    pub options: toml::Table,
    /// Where it was written.
    #[serde(skip)]
    pub origin: Origin,
}

/// The keys of an entry that are not options of its method.
pub(crate) const OWN_KEYS: [&str; 5] = ["kind", "name", "weight", "teacher", "teacher_weights"];

/// The teachers of a method, as written: one name, or an array of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TeacherNames {
    /// One name.
    One(String),
    /// An array of names: the method learns from the average of these teachers.
    Several(Vec<String>),
}

impl TeacherNames {
    /// All names, in their order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

fn one() -> f64 {
    1.0
}

impl Recipe {
    /// The id of each method, in the order of the entries: its `name`, or else its kind, `kd-2` for the second entry of the kind `kd`.
    /// The ids of a valid recipe are unique.
    pub fn method_ids(&self) -> Vec<String> {
        let id = |(index, method): (usize, &MethodSpec)| {
            let earlier = self.methods[..index]
                .iter()
                .filter(|earlier| earlier.kind == method.kind);
            match (&method.name, earlier.count()) {
                (Some(name), _) => name.clone(),
                (None, 0) => method.kind.clone(),
                (None, count) => format!("{}-{}", method.kind, count + 1),
            }
        };
        self.methods.iter().enumerate().map(id).collect()
    }
}

impl MethodSpec {
    /// A method with weight 1 and no options, for a recipe made in code.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: None,
            weight: one(),
            teacher: None,
            teacher_weights: None,
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
        read::read(&self.origin, toml::Value::Table(self.options.clone()), &OWN_KEYS)
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
