//! One distillation method of a recipe: its name, its weight, and options that the method itself reads.

use potstill_settings::{Described, Kind, settings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::recipe::Recipe;
use super::weight_schedule::WeightSchedule;
use crate::origin::Origin;
use crate::{RecipeError, defaults, validate};

settings! {
    /// One entry of `[[methods]]`.
    pub struct MethodSpec as Method {
        /// Which method it is. Every key that is not one of these is an option of that method.
        pub kind: String = example "kd" (also "type"),
        /// The name of this entry in logs, checkpoints and phases: `a-z`, `0-9`, `_` and `-`.
        pub name: Option<String> = without "the kind, `kd-2` for the second entry of the kind `kd`"
            like "soft",
        /// The weight of its loss.
        pub weight: f64 [at_least(0.0)] = default 1.0,
        /// How the weight changes while the student trains.
        pub schedule: Option<WeightSchedule> = without "it stays as it is" like { kind = "ramp", epochs = 20 },
        /// The name of the teacher that it learns from, or an array of names: it learns from their average.
        pub teacher: Option<Names> = without "the only teacher" like ["large", "small"],
        /// The weight of each of these teachers in their average.
        pub teacher_weights: Option<Vec<f64>> [at_least(0.0).not_empty()]
            = without "equal weights" like [2.0, 1.0],
        + {
            /// Every other key of the entry.
            #[serde(flatten)]
            pub options: toml::Table,
            /// Where it was written.
            #[serde(skip)]
            pub origin: Origin,
        }
    }
}

/// One name or several: the teachers of a method, the tensors of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One name.
    One(String),
    /// An array of names. A method learns from the average of these teachers.
    Several(Vec<String>),
}

impl Described for Names {
    const KIND: Kind = Kind::OneOrMore(&Kind::Text);
}

impl Names {
    /// All names, in their order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl Recipe {
    /// The id of each method, in the order of the entries: its `name`, or else its kind, `kd-2` for the
    /// second entry of the kind `kd`. The ids of a valid recipe are unique.
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
    /// A method with the defaults of all keys, for a recipe made in code.
    pub fn new(kind: impl Into<String>) -> Self {
        defaults::complete([("kind", kind.into().into())])
    }

    /// The same with this weight of its loss.
    #[must_use]
    pub fn with_weight(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    /// The same with a weight that changes so.
    #[must_use]
    pub fn with_schedule(self, schedule: WeightSchedule) -> Self {
        Self {
            schedule: Some(schedule),
            ..self
        }
    }

    /// The same with a name of its own in logs, checkpoints and phases.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// The same, learning from the average of these teachers.
    #[must_use]
    pub fn with_teachers<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self {
            teacher: Some(Names::Several(names)),
            ..self
        }
    }

    /// The same with this option of its method.
    ///
    /// ```
    /// use potstill_recipe::MethodSpec;
    ///
    /// let review = MethodSpec::new("review-kd").with("ramp_epochs", 20);
    /// assert_eq!(review.options["ramp_epochs"].as_integer(), Some(20));
    /// ```
    #[must_use]
    pub fn with(mut self, option: &str, value: impl Into<toml::Value>) -> Self {
        self.options.insert(option.into(), value.into());
        self
    }

    /// The line (from 1) where the entry starts, if a file wrote it.
    pub fn line(&self) -> Option<usize> {
        self.origin.line()
    }

    /// The options as the method's own struct, made by [`settings!`](potstill_settings::settings!): each of
    /// the kind and in the range that its table of keys says, and with the table's default where the recipe
    /// says nothing.
    ///
    /// # Errors
    /// With everything that is wrong together, each with place, key and nearest valid name.
    pub fn options<T: Described + DeserializeOwned>(&self) -> Result<T, RecipeError> {
        validate::read_options(&self.options, &self.origin, Self::KEYS)
    }

    /// An error about the option `key` that its table of keys cannot say: how it stands with other options,
    /// or with what only the plan knows. `problem` continues a sentence that begins with the key:
    /// `needs a teacher that evolves`.
    pub fn invalid_option(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        self.origin.wrong(key, problem)
    }
}
