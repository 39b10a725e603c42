//! The newest state of a run that can be trusted.

use std::{collections::BTreeMap, path::PathBuf};

use potstill_models::weights::{DIGEST_KEY, StoredTensor, TensorFile};

use crate::{
    checkpoint::Checkpoint,
    error::EngineError,
    run_folder::{RunFolder, copy_whole},
};

/// A state to go on from.
pub(super) struct Newest {
    pub state: Checkpoint,
    pub tensors: BTreeMap<String, StoredTensor>,
    /// Its file.
    pub path: PathBuf,
    /// What has to be said about it.
    pub told: Vec<String>,
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
        for path in all.filter(|path| path.is_file()) {
            match Checkpoint::read(&path) {
                Ok((state, tensors)) => {
                    if path != folder.last() {
                        told.push(format!(
                            "warning: the run goes on from {} instead, after {} epochs",
                            path.display(),
                            state.position.epoch.0
                        ));
                    }
                    return Ok(Some(Self {
                        state,
                        tensors,
                        path,
                        told,
                    }));
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

    /// Sees to it that `best.safetensors` is what this state says: the checkpoint of its best epoch. It is not where a run was killed
    /// between two names, where a bit has changed, and where this state is an older one.
    pub fn mend_best(&mut self, folder: &RunFolder) -> Result<(), EngineError> {
        let Some(best) = self.state.best.clone() else {
            return Ok(());
        };
        let path = folder.best();
        let found = Checkpoint::read(&path);
        if let Ok((state, _)) = &found {
            let position = state.position;
            let is_later = position > self.state.position;
            let is_it = (position.epoch.0, position.step) == (best.epoch, 0)
                && self
                    .state
                    .best_digest
                    .as_ref()
                    .is_none_or(|digest| Some(digest) == digest_of(&path).as_ref());
            // One of a time that comes again is the one of then.
            if is_it || is_later {
                return Ok(());
            }
        }
        let kept = folder.kept()?.into_iter().map(|(_, path)| path);
        let mut all = [self.path.clone(), folder.last()].into_iter().chain(kept);
        let right = all.find(|path| {
            Checkpoint::read(path)
                .is_ok_and(|(state, _)| (state.position.epoch.0, state.position.step) == (best.epoch, 0))
        });
        if let Some(right) = right {
            self.told.push(format!(
                "{} was not that of the best epoch, which is {}: it is made anew",
                path.display(),
                best.epoch
            ));
            return copy_whole(&right, &path);
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

/// The digest that a file carries.
fn digest_of(path: &std::path::Path) -> Option<String> {
    TensorFile::read(path).ok()?.metadata.remove(DIGEST_KEY)
}
