//! The recipe and its tables, and how it comes from text and goes back to text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::check::{check, check_sources};
use crate::document;
use crate::error::{Problem, RecipeError};
use crate::method::MethodSpec;
use crate::nearest::nearest;
use crate::optimizer::OptimizerSpec;
use crate::origin::{Origin, Verbatim};
use crate::phase::{Phase, PhaseSpec};
use crate::schedule::Schedule;
use crate::teacher::Teacher;
use crate::validate::validate;
use crate::{overrides, read};

/// The version of the form of recipes that this crate reads.
pub(crate) const VERSION: u32 = 1;

/// What is to be trained, on what, by which methods and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The version of this form of recipe: 1.
    pub version: u32,
    /// The name of the run and of its folder: `a-z`, `0-9`, `.`, `_` and `-`.
    pub name: String,
    /// What the networks are to do.
    #[serde(default)]
    pub task: Task,
    /// Where every random draw starts from; below 2^63, as TOML's numbers.
    #[serde(default)]
    pub seed: u64,
    /// One line on what this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What to expect of it: accuracy, time, and where these numbers are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// What to learn from.
    pub data: Data,
    /// The network to train.
    pub student: Network,
    /// The only teacher. See [`Recipe::all_teachers`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Teacher>,
    /// The teachers by name, where there are several. Never beside `teacher`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub teachers: BTreeMap<String, Teacher>,
    /// How to train.
    pub train: Train,
    /// The distillation methods; none trains the student alone.
    #[serde(default)]
    pub methods: Vec<MethodSpec>,
    /// Where it was written.
    #[serde(skip)]
    pub origin: Origin,
}

/// What a network is to do with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Task {
    /// Name the one class that an image shows.
    #[default]
    Classification,
    /// Name every class that an image shows.
    MultiLabel,
}

/// `[data]`: what to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The training images: a data set's name, or a path from the current folder.
    pub train: String,
    /// The images to measure with; the test split of `train` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Train on this many images, as many of each class; on all if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Train on this share of each class, in `(0, 1]`, rounded down, at least one image; on all if none. Never beside `train_limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub few_samples: Option<f64>,
    /// Where the choice of `few_samples` starts from, whatever the recipe's seed; 0 if none. Shares of one seed are nested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub few_samples_seed: Option<u64>,
    /// Measure with this many images, as many of each class; with all if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// How training images are varied, for the data crate to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<Verbatim>,
    /// The share of an object that must be left in an augmented image, in `[0, 1]`; 0.3 if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_visible: Option<f64>,
    /// The seed of the augmentation; that of the recipe if none. See [`Recipe::augment_seed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment_seed: Option<u64>,
    /// How many augmented views of each image there are: epoch `e` (from 0) sees view `e % views`. A new one in every epoch if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    /// Threads that read and augment images.
    #[serde(default = "one")]
    pub workers: usize,
}

impl Data {
    /// The source of the images to measure with; its test split is meant.
    pub fn test_source(&self) -> &str {
        self.test.as_deref().unwrap_or(&self.train)
    }
}

/// A network by its name, and usually its weights: `[student]`, or where a teacher comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// The network's name.
    pub model: String,
    /// The file of weights to start from; random weights if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// The shortcut of a CIFAR ResNet; the published one if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// How it takes an image; whole, and normalised as is usual for the data set, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

/// The two shortcuts of a ResNet for CIFAR (He et al. 2015, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shortcut {
    /// Subsamples and pads channels with zeros; has no parameters.
    A,
    /// Projects by a 1x1 convolution.
    B,
}

/// How a network takes an image: degraded or not, then `(pixel - mean) / std` of pixels in `[0, 1]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// One value a channel; as is usual for the data set if none. Never without `std`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
    /// One value a channel, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f64>>,
    /// Degrades the image before it is normalised; the full resolution if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_resolution: Option<LowResolution>,
}

/// An image of fewer pixels: square windows are averaged, and the result enlarged to the old size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowResolution {
    /// Rows and columns that are left.
    pub size: usize,
    /// How they become as many as before.
    #[serde(default)]
    pub enlarge: Enlarge,
}

/// How a degraded image is brought back to its old size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enlarge {
    /// Each pixel becomes a square of equal ones: degrading twice changes nothing.
    #[default]
    Nearest,
    /// Bilinear, with half-pixel centres (corners not aligned).
    Bilinear,
    /// Not at all: the network is fed the small image.
    None,
}

/// `[train]`: how to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// How many times to go through the training images; none where `phases` say it. See
    /// [`Recipe::total_epochs`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Images in a step.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Images at a time when measuring; changes no result.
    #[serde(default = "eval_batch")]
    pub eval_batch: usize,
    /// The weight of the task's own loss, at least 0.
    #[serde(default = "task_weight")]
    pub task_weight: f64,
    /// The share of each label given to all classes, in `[0, 1)`.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The largest norm of all gradients together; no clipping if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Leave out the last batch of an epoch if it is not full.
    #[serde(default = "drop_last")]
    pub drop_last: bool,
    /// The rule of a step, where a phase has none of its own.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes, where a phase does not say.
    #[serde(default)]
    pub schedule: Schedule,
    /// What trains when, as written; see [`Recipe::phases`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseSpec>,
}

fn one() -> usize {
    1
}

fn batch() -> usize {
    64
}

fn eval_batch() -> usize {
    256
}

fn task_weight() -> f64 {
    1.0
}

fn drop_last() -> bool {
    true
}

impl Recipe {
    /// Reads the recipe in the file `path`, changed by `overrides` such as `train.epochs=3`.
    ///
    /// # Errors
    /// Where the file cannot be read, is not TOML, or is no valid recipe; see [`Recipe::from_text`].
    pub fn from_path(path: impl AsRef<Path>, overrides: &[String]) -> Result<Self, RecipeError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| {
            let advice = similar_file(path).map(|file| format!("; did you mean {}?", file.display()));
            RecipeError::Read {
                path: path.to_owned(),
                source,
                advice: advice.unwrap_or_default(),
            }
        })?;
        Self::from_text(&text, &path.display().to_string(), overrides)
    }

    /// Reads a recipe from TOML, changed by `overrides`; `origin` stands for the file in errors.
    ///
    /// An override is `key=value`: the key dotted, with entries of arrays by number
    /// (`methods.0.temperature=2`), the value in TOML or a bare word. They are applied in order, the last
    /// wins, and all win over the text.
    ///
    /// # Errors
    /// With everything that is wrong with names, types and ranges together; only if nothing is, with everything
    /// that does not fit together.
    pub fn from_text(text: &str, origin: &str, overrides: &[String]) -> Result<Self, RecipeError> {
        let (mut table, mut places) = document::parse(text, origin)?;
        let mut problems = overrides::apply(&mut table, &mut places, overrides);
        let root = Origin::root(places);
        match table.get("version").and_then(Value::as_integer) {
            Some(version) if version != i64::from(VERSION) => {
                problems = vec![foreign_version(&root, version)];
            }
            _ => {
                problems.extend(validate(&table, &root));
                problems.extend(check_sources(&table, &root));
            }
        }
        if !problems.is_empty() {
            return Err(RecipeError::invalid(problems));
        }
        let mut recipe: Self = read::read(&root, Value::Table(table), &[])?;
        recipe.set_origins(root);
        match check(&recipe) {
            problems if problems.is_empty() => Ok(recipe),
            problems => Err(RecipeError::invalid(problems)),
        }
    }

    /// The recipe as TOML, with all defaults written out; reading it gives an equal recipe.
    ///
    /// # Errors
    /// Where a recipe made in code holds what TOML cannot say.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        Ok(toml::to_string(self)?)
    }

    /// Where the draws of the augmentation start from: `data.augment_seed`, or else `seed`.
    pub fn augment_seed(&self) -> u64 {
        self.data.augment_seed.unwrap_or(self.seed)
    }

    /// The phases in their order, at least one, with nothing left open.
    pub fn phases(&self) -> Vec<Phase> {
        self.train.resolved_phases()
    }

    /// The epochs of all phases together.
    pub fn total_epochs(&self) -> usize {
        self.phases().iter().map(|phase| phase.epochs).sum()
    }

    /// An error about `key` (dotted) for what only turns out wrong later, such as a model that does not
    /// exist. `problem` continues a sentence that begins with the key.
    pub fn wrong(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        self.origin.wrong(key, problem)
    }

    fn set_origins(&mut self, root: Origin) {
        for (index, method) in self.methods.iter_mut().enumerate() {
            method.origin = root.at(&format!("methods.{index}"));
        }
        if let Some(augment) = &mut self.data.augment {
            augment.origin = root.at("data.augment");
        }
        self.origin = root;
    }
}

/// Only this is said of a recipe of another version: its other keys may mean something else.
fn foreign_version(root: &Origin, version: i64) -> Problem {
    root.problem(
        "version",
        format!("is {version}, and this program reads recipes of version {VERSION}"),
    )
}

/// The recipe beside `path` whose name is most similar, if `path` is not there.
fn similar_file(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let files: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| {
            Path::new(file)
                .extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    let wanted = path.file_name()?.to_str()?;
    let stem = |file: &str| file.trim_end_matches(".toml").to_owned();
    let stems: Vec<String> = files.iter().map(|file| stem(file)).collect();
    let meant = nearest(&stem(wanted), stems.iter().map(String::as_str)).filter(|_| !path.exists())?;
    Some(path.with_file_name(format!("{meant}.toml")))
}
