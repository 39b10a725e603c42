//! Recipes: text made typed.
//!
//! A [`Recipe`] says what is to be trained, on what, by which methods and how. It is read from TOML, and
//! every mistake that shows without opening data or building a network is found here: unknown keys, wrong
//! types, values that make no sense, keys that are missing. Mistakes are reported together, each with its
//! file, line and key and the nearest valid name:
//!
//! ```text
//! recipes/mine.toml:14: unknown key `train.optimzer`; did you mean `train.optimizer`?
//! recipes/mine.toml:21: `train.batch` must be a whole number of at least 1, not 0
//! override `train.epochs=few`: `train.epochs` must be a whole number of at least 1, not the text "few"
//! ```
//!
//! * [`Recipe::from_path`] reads a file and applies overrides such as `train.epochs=3`, which win over the
//!   file as the file wins over the defaults.
//! * [`MethodSpec::options`] reads the options of a method into the method's own struct, with the same
//!   errors.
//! * [`Origin::wrong`] makes such an error about any key, for what turns out wrong only later.
//! * [`Sweep`] is a file that makes many recipes of one: axes, choices, seeds.
//! * [`Schema`] lists every key with its values, its default and a line of explanation.
//!
//! ```
//! use potstill_recipe::Recipe;
//! let text = r#"
//!     version = 1
//!     name = "first"
//!     data.train = "shapes"
//!     student.model = "cifar_resnet8"
//!     [train]
//!     epochs = 2
//!     optimizer = { kind = "sgd", lr = 0.1, momentum = 0.9 }
//! "#;
//! let recipe = Recipe::from_text(text, "first.toml", &["train.epochs=3".to_owned()])?;
//! assert_eq!(recipe.total_epochs(), 3);
//! # Ok::<(), potstill_recipe::RecipeError>(())
//! ```

mod builder;
mod check;
mod defaults;
mod document;
mod error;
mod file;
mod nearest;
mod origin;
mod overrides;
mod read;
mod schema;
mod sweep;
mod tables;
mod validate;

pub use builder::RecipeBuilder;
pub use error::{Place, Problem, RecipeError};
pub use origin::{Origin, Verbatim};
pub use schema::{Schema, SchemaEntry};
pub use sweep::{Axis, BaseRecipe, Change, Choice, Sweep, SweepRun, Tune};
pub use tables::data::{Data, Validation};
pub use tables::method::{MethodSpec, Names};
pub use tables::network::{Enlarge, Input, LowResolution, Network, Norms, Weights, WeightsPart};
pub use tables::optimizer::{Adam, AdamW, Dot, OptimizerSpec, Sgd};
pub use tables::phase::{Phase, PhaseSpec};
pub use tables::recipe::{Recipe, TaskKind};
pub use tables::schedule::{Cosine, Decay, Milestones, Per, Poly, Schedule};
pub use tables::student::{Init, OnnxStudent, Student};
pub use tables::teacher::{OnnxTeacher, RunTeacher, Teacher, TeacherShare, TeacherSource};
pub use tables::train::{ClassWeightRule, ClassWeights, Train};
pub use tables::weight_schedule::{WeightCosine, WeightMilestones, WeightRamp, WeightSchedule};

pub use potstill_settings::{BatchNorms, Precision, Shortcut};
