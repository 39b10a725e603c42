//! Checkpoints: everything needed to continue to the same bits, in one file.
//!
//! A checkpoint is a safetensors file. Its tensors are the student (`student/…`), the methods' modules (`review-kd/…`) and the
//! optimiser's state (`optimizer/PARAMETER/SLOT`); the position and the books of the run are JSON in its metadata. Random
//! streams and the data order are functions of the seed and the position, so there is no generator to save.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::weights::{StoredTensor, TensorFile, write_tensors};
use potstill_ops::Parameters;
use serde::{Deserialize, Serialize};

use crate::{EngineError, ModelConfig, optimizer::Optimizer, running_mean::RunningMean};

/// Where a run is: epochs that are done, and steps of the epoch that is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done of the next epoch.
    pub step: usize,
}

/// The best epoch so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Its top-1 accuracy on the test images, percent.
    pub top1: f64,
}

/// The books of a run, besides its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Where the run is.
    pub position: Position,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// What the unfinished epoch adds up to.
    pub(crate) totals: RunningMean,
    /// Seconds of training and evaluation so far.
    pub seconds: f64,
    /// The recipe's fingerprint: a checkpoint continues its own recipe only.
    pub recipe: String,
    /// What the student is, so that the checkpoint can be evaluated by itself.
    pub(crate) student: Option<ModelConfig>,
    /// How often the optimiser moved each parameter.
    pub(crate) updates: BTreeMap<String, u64>,
}

/// The parts whose tensors a checkpoint holds.
pub(crate) type Parts<'a> = Vec<(&'static str, &'a dyn Parameters)>;
/// The same, to be put back.
pub(crate) type PartsMut<'a> = Vec<(&'static str, &'a mut dyn Parameters)>;

/// The key of the books in the file's metadata.
pub(crate) const BOOKS: &str = "potstill";
const OPTIMIZER: &str = "optimizer";

impl Checkpoint {
    /// Writes the checkpoint whole or not at all.
    pub(crate) fn save(
        mut self,
        parts: &Parts<'_>,
        optimizer: &Optimizer,
        path: &Path,
    ) -> Result<(), EngineError> {
        let mut tensors = Vec::new();
        for (part, module) in parts {
            module.each(&mut |entry, value| {
                tensors.push((format!("{part}/{}", entry.path), entry.shape.clone(), value));
            });
        }
        for (parameter, slots) in optimizer.slots() {
            self.updates.insert(parameter.clone(), slots.updates);
            for (slot, value) in &slots.tensors {
                let shape = value.dims().to_vec();
                tensors.push((format!("{OPTIMIZER}/{parameter}/{slot}"), shape, value.clone()));
            }
        }
        let books = serde_json::to_string(&self).map_err(|error| EngineError::Checkpoint {
            file: path.into(),
            reason: error.to_string(),
        })?;
        let metadata = BTreeMap::from([(BOOKS.to_owned(), books)]);
        Ok(write_tensors(tensors, &metadata, path)?)
    }

    /// Reads a checkpoint: its books, and its tensors by name.
    pub(crate) fn read(path: &Path) -> Result<(Self, BTreeMap<String, StoredTensor>), EngineError> {
        let file = TensorFile::read(path)?;
        let broken = |reason: String| EngineError::Checkpoint {
            file: path.into(),
            reason,
        };
        let books = file
            .metadata
            .get(BOOKS)
            .ok_or_else(|| broken("it is no checkpoint of a run".into()))?;
        let books = serde_json::from_str(books).map_err(|error| broken(error.to_string()))?;
        Ok((books, file.tensors))
    }

    /// Puts the tensors back; every tensor of every part must be there, in its shape.
    pub(crate) fn restore(
        &self,
        mut tensors: BTreeMap<String, StoredTensor>,
        parts: PartsMut<'_>,
        optimizer: &mut Optimizer,
        path: &Path,
    ) -> Result<(), EngineError> {
        put_back(&mut tensors, parts, path)?;
        for (name, stored) in tensors {
            let mut names = name
                .strip_prefix(OPTIMIZER)
                .and_then(|name| name[1..].rsplit_once('/'))
                .into_iter();
            let known = names.any(|(parameter, slot)| {
                optimizer.restore_tensor(parameter, slot, tensor(stored.clone(), &Device::flex()))
            });
            if !known {
                let reason = format!("it holds `{name}`, which this recipe has no place for");
                return Err(EngineError::Checkpoint {
                    file: path.into(),
                    reason,
                });
            }
        }
        for (parameter, &updates) in &self.updates {
            optimizer.restore_updates(parameter, updates);
        }
        Ok(())
    }
}

/// Moves the tensors of a checkpoint into the parts they belong to. What is left over stays in `tensors`.
pub(crate) fn put_back(
    tensors: &mut BTreeMap<String, StoredTensor>,
    parts: PartsMut<'_>,
    path: &Path,
) -> Result<(), EngineError> {
    let mut lacking = Vec::new();
    for (part, module) in parts {
        module.rewrite(&mut |entry, present| {
            let name = format!("{part}/{}", entry.path);
            match tensors.remove(&name) {
                Some(stored) if stored.shape == entry.shape => Some(tensor(stored, &present.device())),
                _ => {
                    lacking.push(name);
                    None
                }
            }
        });
    }
    let Some(name) = lacking.first() else {
        return Ok(());
    };
    let reason = format!(
        "{} tensors are missing or of another shape, the first is `{name}`",
        lacking.len()
    );
    Err(EngineError::Checkpoint {
        file: path.into(),
        reason,
    })
}

fn tensor(stored: StoredTensor, device: &Device) -> Tensor<1> {
    let length = stored.values.len();
    Tensor::from_data(TensorData::new(stored.values, [length]), device)
}
