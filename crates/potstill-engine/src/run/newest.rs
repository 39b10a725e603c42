//! The newest state of a run that can be trusted.

use std::{collections::BTreeMap, path::PathBuf};

use potstill_models::weights::StoredTensor;

use crate::{
    checkpoint::Checkpoint,
    error::EngineError,
    run_folder::{RunFolder, copy_whole, exists},
};

/// A state to go on from.
pub(super) struct Newest {
    pub state: Checkpoint,
    pub tensors: BTreeMap<String, StoredTensor>,
    /// Its file.
    pub path: PathBuf,
    /// What has to be said about it.
    pub told: Vec<String>,
    /// Whether the run is at its end, and the weights of its best epoch are nowhere.
    pub best_is_lost: bool,
}

impl Newest {
    /// The last checkpoint of a folder; where it is broken the one before it, and that is told. `None` if none was written.
    ///
    /// # Errors
    /// There are some, and none can be trusted. One of a newer version.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>, EngineError> {
        let kept = folder.kept()?.into_iter().map(|(_, path)| path);
        let all = std::iter::once(folder.last()).chain(kept).chain([folder.best()]);
        let (mut told, mut first) = (Vec::new(), None);
        for path in all {
            if !exists(&path)? {
                continue;
            }
            match Self::read(path.clone()) {
                Ok(mut newest) => {
                    if path != folder.last() {
                        told.push(format!(
                            "warning: the run goes on from {} instead, after {} epochs",
                            path.display(),
                            newest.state.position.epoch.0
                        ));
                    }
                    newest.told = told;
                    return Ok(Some(newest));
                }
                Err(error @ EngineError::NewerCheckpoint { .. }) => return Err(error),
                Err(error) => {
                    told.push(format!("warning: {error}"));
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// The state in a file.
    ///
    /// # Errors
    /// It is no checkpoint, or not as it was written.
    pub fn read(path: PathBuf) -> Result<Self, EngineError> {
        let (state, tensors) = Checkpoint::read(&path)?;
        Ok(Self {
            state,
            tensors,
            path,
            told: Vec::new(),
            best_is_lost: false,
        })
    }

    /// Sees to it that `best.safetensors` is what this state says: the checkpoint of its best epoch. It is not where a run was killed
    /// between two names, where a bit has changed, and where this state is an older one. `epochs` is how many the run has.
    pub fn mend_best(&mut self, folder: &RunFolder, epochs: usize) -> Result<(), EngineError> {
        let Some(best) = self.state.best.clone() else {
            return Ok(());
        };
        let path = folder.best();
        let mut is_later = false;
        if let Ok((state, _, digest)) = Checkpoint::read_with_digest(&path) {
            let position = state.position;
            let noted = self.state.best_digest.as_ref();
            let is_it = (position.epoch.0, position.step) == (best.epoch, 0)
                && noted.is_none_or(|noted| Some(noted) == digest.as_ref());
            if is_it {
                // The checkpoint of the best epoch does not say its own.
                self.state.best_digest = digest;
                return Ok(());
            }
            is_later = position > self.state.position;
        }
        let kept = folder.kept()?.into_iter().map(|(_, path)| path);
        let mut all = [self.path.clone(), folder.last()].into_iter().chain(kept);
        let right = all.find_map(|path| {
            let (state, _, digest) = Checkpoint::read_with_digest(&path).ok()?;
            let is_it = (state.position.epoch.0, state.position.step) == (best.epoch, 0);
            is_it.then_some((path, digest))
        });
        if let Some((right, digest)) = right {
            self.told.push(format!(
                "{} was not that of the best epoch, which is {}: it is made anew",
                path.display(),
                best.epoch
            ));
            self.state.best_digest = digest;
            return copy_whole(&right, &path);
        }
        // One of a time that comes again is the one of then.
        if is_later {
            return Ok(());
        }
        if self.state.position.epoch.0 >= epochs {
            // No epoch comes that could be another best one.
            self.best_is_lost = true;
            self.told.push(format!(
                "warning: the weights of the best epoch, which is {}, are lost",
                best.epoch
            ));
            return Ok(());
        }
        self.told.push(format!(
            "warning: the checkpoint of the best epoch, which was {}, is lost: the best is chosen among the epochs that are left",
            best.epoch
        ));
        self.state.best = None;
        self.state.best_digest = None;
        Ok(())
    }
}
