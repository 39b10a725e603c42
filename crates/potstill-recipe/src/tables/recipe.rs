//! The whole recipe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use potstill_settings::{choice, settings};

use super::data::Data;
use super::method::MethodSpec;
use super::phase::Phase;
use super::student::Student;
use super::teacher::Teacher;
use super::train::Train;
use crate::origin::Origin;
use crate::{RecipeError, Schema};

/// What `start` begins with.
pub(crate) const RUN: &str = "run:";

/// The version of the form of recipes that this crate reads.
pub(crate) const VERSION: u32 = 1;

settings! {
    /// What is to be trained, on what, by which methods and how.
    pub struct Recipe {
        /// The version of this form of recipe. So far there is only 1.
        pub version: u32 [at_least(1.0)] = example 1,
        /// The name of the run and of its folder: `a-z`, `0-9`, `.`, `_` and `-`.
        pub name: String = example "my-run",
        /// What the networks do with an image.
        pub task: TaskKind = default "classification",
        /// Where every random draw starts from; below 2^63, as TOML's numbers.
        pub seed: u64 = default 0,
        /// One line on what this is.
        pub about: Option<String> = without "nothing" like "KD on CIFAR-10",
        /// What to expect of it: accuracy, time, and where these numbers are from.
        pub expect: Option<String> = without "nothing" like "92.5 % in 3 hours on two cores",
        /// The licence of the student's weights, for its model card: an SPDX identifier, or other words.
        pub licence: Option<String> = without "not stated" like "apache-2.0" (also "license"),
        /// Where the teacher's weights and the images come from, for the model card.
        pub source: Option<String> = without "not stated" like "weights of torchvision, photos of our own",
        /// What to learn from.
        pub data: Data = example { train = "cifar10" },
        /// The finished run from whose weights the student starts, and from nothing else of it: `run:NAME` for
        /// `runs/NAME`, `run:PATH` for a folder elsewhere. Not beside `student.weights`.
        pub start: Option<String> = without "`student.weights`, or initial values" like "run:my-run",
        /// The network to train.
        pub student: Student = example { model = "cifar_resnet20" },
        /// The network to learn from, where there is only one.
        pub teacher: Option<Teacher> = without "no teacher" like { run = "runs/teacher" },
        /// Several networks to learn from, each in a table of its own, `[teachers.NAME]`. Not beside
        /// `teacher`.
        pub teachers: BTreeMap<String, Teacher> = quiet {},
        /// How to train.
        pub train: Train = example { epochs = 12, optimizer = { kind = "sgd", lr = 0.1 } },
        /// The distillation methods. Without them the student is trained alone.
        pub methods: Vec<MethodSpec> = default [],
        + {
            /// Where it was written.
            #[serde(skip)]
            pub origin: Origin,
        }
    }
}

choice! {
    /// What a network does with an image.
    pub enum TaskKind = Classification {
        /// Names the one class that the image shows.
        Classification = "classification",
        /// Names every class that the image shows.
        MultiLabel = "multi-label",
        /// Names the class of every pixel.
        Segmentation = "segmentation",
        /// Finds objects by boxes.
        Detection = "detection",
        /// Finds objects by boxes, and outlines them.
        InstanceSegmentation = "instance-segmentation",
    }
}

impl Recipe {
    /// Reads the recipe in the file `path`, changed by `overrides` such as `train.epochs=3`. Which methods
    /// there are, and their options, is left to whoever plans them; [`Schema::read_path`] knows them.
    ///
    /// # Errors
    /// Where the file cannot be read, is not TOML, or is no valid recipe; see [`Schema::read_text`].
    pub fn from_path(path: impl AsRef<Path>, overrides: &[String]) -> Result<Self, RecipeError> {
        Schema::default().read_path(path, overrides)
    }

    /// The same for the recipe in `text`; `origin` stands for the file in errors.
    ///
    /// # Errors
    /// See [`Schema::read_text`].
    pub fn from_text(text: &str, origin: &str, overrides: &[String]) -> Result<Self, RecipeError> {
        Schema::default().read_text(text, origin, overrides)
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

    /// The folder of the run that the student starts from.
    pub fn start_folder(&self) -> Option<PathBuf> {
        let name = self.start.as_deref()?.strip_prefix(RUN)?;
        let is_path = name.contains(['/', '\\']);
        Some(if is_path {
            name.into()
        } else {
            Path::new("runs").join(name)
        })
    }

    /// The phases in their order, at least one, with their optimizers and schedules resolved.
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

    pub(crate) fn set_origins(&mut self, root: Origin) {
        for (index, method) in self.methods.iter_mut().enumerate() {
            method.origin = root.at(&format!("methods.{index}"));
        }
        if let Some(augment) = &mut self.data.augment {
            augment.origin = root.at("data.augment");
        }
        if let Some(steps) = &mut self.data.test_augment {
            steps.origin = root.at("data.test_augment");
        }
        self.origin = root;
    }
}
