//! Checkpoints: everything needed to continue to the same bits, in one file.
//!
//! A checkpoint is a safetensors file. Its tensors are the student (`student/…`), an online teacher (`teacher/…`), what the methods
//! bring (`review-kd/…`, `ekd.teacher/…`) and the optimisers' state (`optimizer/PARAMETER/SLOT`); the position and the state of the
//! run are JSON in its metadata. Random streams and the data order are functions of the seed and the position, so there is no
//! generator to save.

mod report;
mod version_1;

use std::{collections::BTreeMap, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_metrics::Metrics;
use potstill_models::weights::{DIGEST_KEY, PackedTensors, StoredTensor, TensorFile};
use potstill_ops::Parameters;
use potstill_optim::Optimizer;
use potstill_report::{EpochResult, IndexMap};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::EngineError,
    model_config::ModelConfig,
    origin::Origin,
    plan::timeline::RunEpoch,
    running_mean::RunningMean,
    train::{backward::Optimizers, learner::Learner, parts::RunPart},
};

pub use self::report::{CheckpointReport, TensorReport};

/// Tensors by name.
type StoredTensors = BTreeMap<String, StoredTensor>;

/// Where a run is: epochs that are done, and steps of the epoch that is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: RunEpoch,
    /// Steps done of the next epoch.
    pub step: usize,
}

/// The state of a run, besides its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The version of this form of checkpoint.
    pub(crate) version: u32,
    /// Where the run is.
    pub position: Position,
    /// The best epoch so far.
    pub best: Option<EpochResult>,
    /// The digest of the best epoch's checkpoint; `None` in that checkpoint itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) best_digest: Option<String>,
    /// What teachers that stay as they are do on the images that choose the best epoch.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) teachers: IndexMap<String, Metrics>,
    /// What the unfinished epoch adds up to.
    pub(crate) totals: RunningMean,
    /// Seconds of training and evaluation so far.
    pub seconds: f64,
    /// The recipe's fingerprint: a checkpoint continues its own recipe only.
    pub recipe: String,
    /// The fingerprint of the shorter recipe that this one has just been made from, by [`Run::extend`](crate::Run::extend).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extends: Option<String>,
    /// What the run learns from, as it was when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
    /// What the student is, so that the checkpoint can be evaluated by itself.
    pub(crate) student: Option<ModelConfig>,
    /// The states of the methods, by entry.
    pub(crate) states: BTreeMap<String, Value>,
    /// How often the optimiser moved each parameter.
    pub(crate) updates: BTreeMap<String, u64>,
}

/// The version of the form that is written here.
const VERSION: u32 = 3;
/// From this version on every checkpoint carries a digest.
const WITH_DIGEST: u32 = 3;
/// The key of the state in the file's metadata.
pub(crate) const METADATA_KEY: &str = "potstill";
const OPTIMIZER: &str = "optimizer";

impl Checkpoint {
    /// Packs the checkpoint, ready to be written, with the tensors (name, shape, flat values) that are given besides.
    pub(crate) fn pack<'a>(
        mut self,
        parts: &[RunPart<&dyn Parameters>],
        optimizers: impl Iterator<Item = &'a Optimizer>,
        mut tensors: Vec<(String, Vec<usize>, Tensor<1>)>,
    ) -> Result<PackedTensors, String> {
        for part in parts {
            part.module.each(&mut |entry, value| {
                let name = format!("{}/{}", part.name, entry.path);
                tensors.push((name, entry.shape.clone(), value));
            });
        }
        for (parameter, state) in optimizers.flat_map(Optimizer::state) {
            self.updates.insert(parameter.to_owned(), state.updates());
            for (slot, value) in state.tensors() {
                let shape = value.dims().to_vec();
                tensors.push((format!("{OPTIMIZER}/{parameter}/{slot}"), shape, value.clone()));
            }
        }
        self.version = VERSION;
        let run_state = serde_json::to_string(&self).map_err(|error| error.to_string())?;
        PackedTensors::new(tensors, &BTreeMap::from([(METADATA_KEY.to_owned(), run_state)]))
    }

    /// Reads a checkpoint: its state, and its tensors by name.
    pub(crate) fn read(path: &Path) -> Result<(Self, BTreeMap<String, StoredTensor>), EngineError> {
        let (state, tensors, _) = Self::read_with_digest(path)?;
        Ok((state, tensors))
    }

    /// Reads a checkpoint: its state, its tensors by name, and the digest that it carries and has; `None` before there were digests.
    pub(crate) fn read_with_digest(
        path: &Path,
    ) -> Result<(Self, StoredTensors, Option<String>), EngineError> {
        let mut file = TensorFile::read(path)?;
        let broken = |reason: String| EngineError::Checkpoint {
            file: path.into(),
            reason,
        };
        let run_state = file
            .metadata
            .get(METADATA_KEY)
            .ok_or_else(|| broken("it is no checkpoint of a run".into()))?;
        if let Ok(Some(version)) = version_of(run_state)
            && version > VERSION
        {
            let reason = Self::parse(run_state).err().unwrap_or_default();
            return Err(EngineError::NewerCheckpoint {
                file: path.into(),
                reason,
            });
        }
        let run_state = Self::parse(run_state).map_err(broken)?;
        let digest = file.metadata.remove(DIGEST_KEY);
        if run_state.version >= WITH_DIGEST && digest.is_none() {
            return Err(broken("it is not as it was written: its digest is gone".into()));
        }
        Ok((run_state, file.tensors, digest))
    }

    /// Reads the checkpoint of the end of this epoch, which counts from 1.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if it is of another moment.
    pub(crate) fn of_epoch(
        path: &Path,
        epoch: usize,
    ) -> Result<(Self, BTreeMap<String, StoredTensor>), EngineError> {
        let (state, tensors) = Self::read(path)?;
        let Position { epoch: done, step } = state.position;
        if (done.0, step) == (epoch, 0) {
            return Ok((state, tensors));
        }
        Err(EngineError::OtherEpoch {
            file: path.into(),
            epoch,
            found: done.0,
        })
    }

    /// Reads the state from the file's metadata, in this form or an older one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let said = |error: serde_json::Error| error.to_string();
        match version_of(text).map_err(said)? {
            None => version_1::upgraded(serde_json::from_str(text).map_err(said)?)
                .and_then(serde_json::from_value)
                .map_err(said),
            Some(found) if found > VERSION => Err(format!(
                "it is a checkpoint of version {found}, and this Potstill reads up to {VERSION}; use a newer one"
            )),
            Some(_) => serde_json::from_str(text).map_err(said),
        }
    }

    /// Puts everything back; every tensor of every part must be there, in its shape.
    pub(crate) fn restore(
        &self,
        mut tensors: BTreeMap<String, StoredTensor>,
        learner: &mut Learner,
        optimizers: &mut Optimizers,
        path: &Path,
    ) -> Result<(), EngineError> {
        let broken = |reason: String| EngineError::Checkpoint {
            file: path.into(),
            reason,
        };
        learner.load_states(self.states.clone()).map_err(broken)?;
        let device = learner.plain_device();
        let (mut keys, mut lengths) = (BTreeMap::new(), BTreeMap::new());
        let mut put_back = TensorRestorer::new(&mut tensors);
        for part in learner.parts_mut() {
            put_back.fill(&part.name, part.module);
            for entry in part.module.entries() {
                let length: usize = entry.shape.iter().product();
                lengths.insert(format!("{}/{}", part.name, entry.path), length);
            }
            keys.extend(part.optimizer.map(|key| (part.name, key)));
        }
        put_back.done(path)?;
        let key_of = |parameter: &str| keys.get(parameter.split_once('/')?.0).copied();
        for (name, stored) in tensors {
            let parameter = name
                .strip_prefix(OPTIMIZER)
                .and_then(|name| name.get(1..)?.rsplit_once('/'));
            let known = parameter.is_some_and(|(parameter, slot)| {
                // The state of a parameter is as long as the parameter.
                if lengths.get(parameter) != Some(&stored.shape.iter().product()) {
                    return false;
                }
                let stored = tensor(stored.clone(), &device);
                key_of(parameter)
                    .is_some_and(|key| optimizers.of(key).restore_tensor(parameter, slot, stored))
            });
            if !known {
                let reason = format!("it holds `{name}`, which this recipe has no place for");
                return Err(broken(reason));
            }
        }
        for (parameter, &updates) in &self.updates {
            if let Some(key) = key_of(parameter) {
                optimizers.of(key).restore_updates(parameter, updates);
            }
        }
        Ok(())
    }
}

/// Moves the tensors of a checkpoint into the parts they belong to. What is left over stays.
pub(crate) struct TensorRestorer<'a> {
    tensors: &'a mut BTreeMap<String, StoredTensor>,
    lacking: Vec<String>,
}

impl<'a> TensorRestorer<'a> {
    pub(crate) fn new(tensors: &'a mut BTreeMap<String, StoredTensor>) -> Self {
        let lacking = Vec::new();
        Self { tensors, lacking }
    }

    /// Fills the part of this name.
    pub(crate) fn fill(&mut self, part: &str, module: &mut dyn Parameters) {
        module.rewrite(&mut |entry, present| {
            let name = format!("{part}/{}", entry.path);
            match self.tensors.remove(&name) {
                Some(stored) if stored.shape == entry.shape => Some(tensor(stored, &present.device())),
                _ => {
                    self.lacking.push(name);
                    None
                }
            }
        });
    }

    /// Says what was lacking.
    pub(crate) fn done(self, path: &Path) -> Result<(), EngineError> {
        let Some(name) = self.lacking.first() else {
            return Ok(());
        };
        let reason = format!(
            "{} tensors are missing or of another shape, the first is `{name}`",
            self.lacking.len()
        );
        Err(EngineError::Checkpoint {
            file: path.into(),
            reason,
        })
    }
}

/// The version of a state; `None` in the first.
fn version_of(text: &str) -> Result<Option<u32>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<u32>,
    }
    serde_json::from_str(text).map(|Version { version }| version)
}

fn tensor(stored: StoredTensor, device: &Device) -> Tensor<1> {
    let length = stored.values.len();
    Tensor::from_data(TensorData::new(stored.values, [length]), device)
}
