//! What a checkpoint is and holds, for people and programs.

use std::{collections::BTreeMap, path::Path};

use potstill_models::weights::StoredTensor;
use potstill_report::EpochResult;
use serde::Serialize;

use super::Checkpoint;
use crate::error::EngineError;

/// What a checkpoint is and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckpointReport {
    /// The version of its form.
    pub version: u32,
    /// The SHA-256 that it carries, and that its bytes have; `None` for one of before there were digests.
    pub sha256: Option<String>,
    /// The version of Potstill that began the run, where it is said.
    pub potstill: Option<String>,
    /// Epochs done.
    pub epoch: usize,
    /// Steps done of the next epoch.
    pub step: usize,
    /// The best epoch so far.
    pub best: Option<EpochResult>,
    /// Seconds of training and evaluation so far.
    pub seconds: f64,
    /// The fingerprint of the recipe.
    pub recipe_hash: String,
    /// The architecture of the student.
    pub student: Option<String>,
    /// The methods that keep a state, by entry.
    pub states: Vec<String>,
    /// The digests of images and teachers that the run began with, by name.
    pub origin: BTreeMap<String, String>,
    /// Its tensors, in order.
    pub tensors: Vec<TensorReport>,
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorReport {
    /// Its name: `student/conv1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The least of its finite values.
    pub least: Option<f32>,
    /// The largest of its finite values.
    pub largest: Option<f32>,
    /// How many of its values are no finite numbers.
    pub not_finite: usize,
}

impl CheckpointReport {
    /// Reads a checkpoint of a run.
    ///
    /// # Errors
    /// The file is no checkpoint, is of a newer version, or is not as it was written.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let (state, tensors, sha256) = Checkpoint::read_with_digest(path)?;
        let origin = state.origin.as_ref();
        Ok(Self {
            version: state.version,
            sha256,
            potstill: origin.map(|origin| origin.version().to_owned()),
            epoch: state.position.epoch.0,
            step: state.position.step,
            best: state.best,
            seconds: state.seconds,
            recipe_hash: state.recipe,
            student: state.student.map(|student| student.architecture),
            states: state.states.into_keys().collect(),
            origin: origin.map(super::Origin::digests).unwrap_or_default(),
            tensors: tensors
                .into_iter()
                .map(|(name, stored)| TensorReport::of(name, stored))
                .collect(),
        })
    }
}

impl TensorReport {
    fn of(name: String, StoredTensor { shape, values }: StoredTensor) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        Self {
            name,
            least: finite().reduce(f32::min),
            largest: finite().reduce(f32::max),
            not_finite: values.len() - finite().count(),
            shape,
        }
    }

    /// The part of the run that it belongs to: `student`, `optimizer`, a teacher, an entry.
    pub fn part(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// How many values it has.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}
