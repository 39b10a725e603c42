//! Opens the caches of the teachers before the first step.

use potstill_base::{Digest, cache_folder};
use potstill_data::{Loader, LoaderConfig};
use potstill_models::{FrozenModel, ModelError};
use potstill_ops::{Mode, Pass};

use super::{Run, prepare::hash_teacher};
use crate::{error::EngineError, network_input::NetworkInput, train::teacher_cache::TeacherCache};

/// Counted up whenever the same teacher and images would be kept otherwise.
const REVISION: u32 = 1;

impl Run {
    /// Opens the cache of each teacher that has one.
    pub(super) fn open_teacher_caches(&mut self) -> Result<(), EngineError> {
        for index in 0..self.learner.teachers.len() {
            let facts = &self.spec.teachers[index];
            let Some(planned) = facts.cache.clone() else {
                continue;
            };
            let root = cache_folder().ok_or(EngineError::NoCache)?.join("teachers");
            let teacher = &self.learner.teachers[index];
            let (network, input) = (teacher.network.frozen(), teacher.input.clone());
            self.check_rows(&facts.key(), &network, &input)?;
            let loading = self.spec.loading();
            let mut digest = Digest::new();
            digest.update(format!("{} revision {REVISION}", env!("CARGO_PKG_VERSION")));
            hash_teacher(&mut digest, &network, &input)?;
            digest.update(self.spec.data.train.fingerprint()?.bytes());
            let seed = loading.augment_seed().value();
            digest.update(format!(
                "{:?} seed {seed} {:?}",
                self.spec.data.augment, planned.precision
            ));
            let key = digest.hexadecimal();
            let folder = root.join(format!("{}-{}", facts.name, &key[..24]));
            let cache = TeacherCache::open(folder, key, loading, planned)?;
            self.learner.teachers[index].cache = Some(cache);
        }
        Ok(())
    }

    /// Some networks give an image other last digits in another batch, where a sum is split otherwise. A cache would not give the
    /// bits of a run without it then.
    fn check_rows(&self, key: &str, network: &FrozenModel, input: &NetworkInput) -> Result<(), EngineError> {
        let config = LoaderConfig {
            shuffle: false,
            drop_last: false,
            ..self.spec.loading()
        };
        let loader = Loader::new(
            self.spec.data.train.clone(),
            self.spec.data.augment.clone(),
            config,
        )?;
        let Some(batch) = loader.epoch(0, 0).next() else {
            return Ok(());
        };
        let images = input.of_batch(&batch?, &self.learner.plain_device())?;
        let count = images.dims()[0];
        let bits = |first: usize| -> Result<Vec<u32>, EngineError> {
            let some = images.clone().narrow(0, first, count - first);
            let logits = network
                .forward(some, &mut Pass::new(Mode::Running))?
                .into_logits()
                .map_err(ModelError::from)?;
            Ok(logits.into_data().iter::<f32>().map(f32::to_bits).collect())
        };
        let half = count / 2;
        if bits(0)?[half * network.classes()..] == bits(half)? {
            return Ok(());
        }
        let reason = "what this network says about an image depends, in the last digits, on the other images of its batch, so a \
                      cache would change the result";
        Err(EngineError::invalid_plan(format!("{key}.cache"), reason))
    }
}
