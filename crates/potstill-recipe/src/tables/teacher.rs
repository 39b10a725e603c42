//! Teachers: where each comes from and how it runs, and which of them a method learns from.

use std::path::PathBuf;

use potstill_settings::{BatchNorms, Described, Key, Kind, Precision, settings};
use serde::{Deserialize, Serialize};

use super::method::{MethodSpec, Names};
use super::network::{Input, Network};
use super::optimizer::OptimizerSpec;
use super::recipe::Recipe;
use super::schedule::Schedule;
use crate::defaults;

/// The name of the teacher in `[teacher]`.
pub(crate) const ONLY_TEACHER: &str = "teacher";

settings! {
    /// `[teacher]` or one of `[teachers.NAME]`: a network to learn from.
    pub struct Teacher {
        ..
        /// Where it comes from.
        pub source: TeacherSource,
        /// In what its frozen convolutions compute. Half precision serves convolutions of one group on machines
        /// with AVX512-FP16, except those that Winograd serves; all others stay as they are. Not of an ONNX
        /// file, nor beside `batch_norm = "batch"`.
        pub precision: Precision = quiet "single",
        /// By which statistics its batch norms normalise in training, as long as it is frozen. Not of an ONNX
        /// file.
        pub batch_norm: BatchNorms = quiet "running",
        /// The rule of its steps, if it trains beside the student.
        pub optimizer: Option<OptimizerSpec> = without "that of the phase" like { kind = "sgd", lr = 0.1 },
        /// How its learning rate changes over the whole training, if it trains beside the student.
        pub schedule: Option<Schedule> = without "that of the phase" like { kind = "cosine" },
        /// Whether its outputs for the augmented images are kept on disk, for every run over the same views.
        /// It must be frozen.
        pub cache: bool = quiet false,
        /// Whether the maps that methods read are kept as well, not the logits alone.
        pub cache_taps: bool = quiet false,
        /// In what the outputs are kept: half takes half the space and rounds them.
        pub cache_precision: Precision = quiet "single",
    }
}

/// Where a teacher comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TeacherSource {
    /// The student of a finished run.
    Run(RunTeacher),
    /// A network in an ONNX file.
    Onnx(OnnxTeacher),
    /// A network by name, and usually its weights.
    Network(Network),
}

settings! {
    /// A teacher that is the student of a finished run.
    pub struct RunTeacher {
        /// The folder of a finished run, whose student is the teacher.
        pub run: PathBuf = example "runs/teacher",
    }
}

settings! {
    /// A teacher in an ONNX file, of any origin.
    pub struct OnnxTeacher {
        /// An ONNX file of any network that takes images.
        pub onnx: PathBuf = example "teacher.onnx",
        /// The name of the tensor of logits in an ONNX file, or an array of names: of the levels of a one-stage detector, or of FastestDet's
        /// objectness, box and classes.
        pub logits: Option<Names> = without "the file's first output; of a detector all of them" like "logits",
        /// How the network takes an image.
        pub input: Option<Input> = without "whole, normalised as is usual for the data set"
            like { mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] },
    }
}

/// The key of this name; a name that is not there does not compile.
pub(super) const fn key(keys: &'static [Key], name: &str) -> Key {
    let mut at = 0;
    while !is_same(keys[at].name, name) {
        at += 1;
    }
    keys[at]
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The keys of all sources together. That exactly one source is named, without the keys of another, is
/// checked apart.
impl Described for TeacherSource {
    const KIND: Kind = {
        const KEYS: &[Key] = &[
            key(RunTeacher::KEYS, "run").optional("`model` or `onnx` is needed"),
            key(Network::KEYS, "model").optional("`run` or `onnx` is needed"),
            key(Network::KEYS, "weights"),
            key(Network::KEYS, "head"),
            key(Network::KEYS, "shortcut"),
            key(OnnxTeacher::KEYS, "onnx").optional("`model` or `run` is needed"),
            key(OnnxTeacher::KEYS, "logits"),
            key(Network::KEYS, "auxiliary"),
            key(Network::KEYS, "input"),
            key(Network::KEYS, "norm"),
            key(Network::KEYS, "norm_eps"),
        ];
        Kind::table(KEYS)
    };
}

/// A teacher that a method learns from, and its share in the average of all that it learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct TeacherShare {
    /// The teacher's name.
    pub name: String,
    /// Its share; the shares of a method add up to 1.
    pub share: f64,
}

impl From<TeacherSource> for Teacher {
    /// A teacher with the defaults of all other keys.
    fn from(source: TeacherSource) -> Self {
        // Where it comes from stands for no default; any source will do until it is replaced.
        let named = defaults::complete([("model", "none".into())]);
        Self { source, ..named }
    }
}

impl Teacher {
    /// How it takes an image, if the recipe says so.
    pub fn input(&self) -> Option<&Input> {
        match &self.source {
            TeacherSource::Network(network) => network.input.as_ref(),
            TeacherSource::Onnx(file) => file.input.as_ref(),
            TeacherSource::Run(_) => None,
        }
    }

    /// Whether it starts from trained weights.
    pub fn has_weights(&self) -> bool {
        match &self.source {
            TeacherSource::Network(network) => network.has_weights(),
            TeacherSource::Run(_) | TeacherSource::Onnx(_) => true,
        }
    }

    /// Whether nothing says which weights it starts from, not even that they are random.
    pub fn lacks_weights(&self) -> bool {
        matches!(&self.source, TeacherSource::Network(network) if network.weights.is_none())
    }
}

impl Recipe {
    /// Every teacher with its name, in the order of the names. That of `[teacher]` is called `teacher`.
    pub fn all_teachers(&self) -> Vec<(&str, &Teacher)> {
        let only = self.teacher.iter().map(|teacher| (ONLY_TEACHER, teacher));
        let named = self
            .teachers
            .iter()
            .map(|(name, teacher)| (name.as_str(), teacher));
        only.chain(named).collect()
    }

    /// The dotted key of the table of a teacher: `teacher` or `teachers.NAME`.
    pub fn teacher_key(&self, name: &str) -> String {
        if self.teachers.contains_key(name) {
            format!("teachers.{name}")
        } else {
            ONLY_TEACHER.to_owned()
        }
    }

    /// The teachers that `method` learns from: those that it names, or else the only one of the recipe. None
    /// where the recipe has no teacher, or several of which the method names none.
    pub fn teachers_of(&self, method: &MethodSpec) -> Vec<TeacherShare> {
        let names = self.teacher_names_of(method);
        let equal = vec![1.0; names.len()];
        let weights = method.teacher_weights.as_ref().unwrap_or(&equal);
        let sum: f64 = weights.iter().sum();
        let shares = names.into_iter().zip(weights);
        shares
            .map(|(name, weight)| TeacherShare {
                name: name.to_owned(),
                share: weight / sum,
            })
            .collect()
    }

    pub(crate) fn teacher_names_of<'a>(&'a self, method: &'a MethodSpec) -> Vec<&'a str> {
        match (&method.teacher, self.all_teachers().as_slice()) {
            (Some(named), _) => named.names().iter().map(String::as_str).collect(),
            (None, [(only, _)]) => vec![only],
            (None, _) => Vec::new(),
        }
    }
}
