//! Teachers: where each comes from and how it runs, and which of them a method learns from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::method::MethodSpec;
use crate::optimizer::OptimizerSpec;
use crate::recipe::{Input, Network, Recipe};
use crate::schedule::Schedule;

/// The name of the teacher in `[teacher]`.
pub(crate) const ONLY_TEACHER: &str = "teacher";

/// `[teacher]` or one of `[teachers.NAME]`: a network to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Teacher {
    /// Where it comes from.
    #[serde(flatten)]
    pub source: TeacherSource,
    /// In what it computes.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
    pub precision: Precision,
    /// By which statistics it normalises.
    #[serde(default, skip_serializing_if = "BatchNorms::are_running")]
    pub batch_norm: BatchNorms,
    /// Of a teacher that trains beside the student: the rule of its steps; that of the phase if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerSpec>,
    /// Of such a teacher: how its learning rate changes over the whole training; as the phase's if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether its outputs for the augmented images are kept on disk, for other runs over the same views.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cache: bool,
    /// Whether the maps that methods read are kept with the logits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cache_taps: bool,
    /// In what the outputs are kept.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
    pub cache_precision: Precision,
}

/// Where a teacher comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TeacherSource {
    /// The student of a finished run.
    Run {
        /// The folder of the run.
        run: PathBuf,
    },
    /// A network in an ONNX file.
    Onnx(OnnxTeacher),
    /// A network by name, and usually its weights.
    Network(Network),
}

/// A teacher in an ONNX file, whatever made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnnxTeacher {
    /// The file.
    pub onnx: PathBuf,
    /// The name of the tensor of logits; the file's first output if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<String>,
    /// How it takes an image; whole, and normalised as is usual for the data set, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

/// A teacher that a method learns from, and its share in the average of all that it learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct TeacherShare {
    /// The teacher's name.
    pub name: String,
    /// Its share; the shares of a method add up to 1.
    pub share: f64,
}

/// In what a teacher's frozen convolutions compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    Single,
    /// Half precision where the machine has AVX512-FP16, and Winograd does not serve.
    Half,
}

impl Precision {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_single(&self) -> bool {
        *self == Self::Single
    }
}

/// By which statistics the batch norms of a frozen teacher normalise in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNorms {
    /// The running ones, which came with its weights: evaluation mode.
    #[default]
    Running,
    /// Those of the batch, as a teacher in PyTorch does that nobody called `eval` on. Its running statistics do not move.
    Batch,
}

impl BatchNorms {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn are_running(&self) -> bool {
        *self == Self::Running
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl From<TeacherSource> for Teacher {
    /// A frozen teacher in single precision, without a cache.
    fn from(source: TeacherSource) -> Self {
        Self {
            source,
            precision: Precision::Single,
            batch_norm: BatchNorms::Running,
            optimizer: None,
            schedule: None,
            cache: false,
            cache_taps: false,
            cache_precision: Precision::Single,
        }
    }
}

impl Teacher {
    /// How it takes an image, if the recipe says so.
    pub fn input(&self) -> Option<&Input> {
        match &self.source {
            TeacherSource::Network(network) => network.input.as_ref(),
            TeacherSource::Onnx(file) => file.input.as_ref(),
            TeacherSource::Run { .. } => None,
        }
    }

    /// Whether it starts from trained weights.
    pub fn has_weights(&self) -> bool {
        match &self.source {
            TeacherSource::Network(network) => network.weights.is_some(),
            TeacherSource::Run { .. } | TeacherSource::Onnx(_) => true,
        }
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

    /// The teachers that `method` learns from: those that it names, or else the only one of the recipe. None where the recipe has no
    /// teacher, or several of which the method names none.
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
