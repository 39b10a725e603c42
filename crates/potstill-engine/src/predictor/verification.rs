//! A network verifies pairs of images. Both images of a pair are taken as the network takes its images: brought to its size, and degraded
//! if that is how it was trained.

use std::sync::Arc;

use potstill_data::{Dataset, LoaderConfig, Pairs, Subset};
use potstill_methods::{MethodError, NetworkInfo};
use potstill_metrics::Verification;
use potstill_ops::{Mode, Pass, Point, Taps};
use potstill_tasks::Verifier;

use super::{Predictor, Prepared};
use crate::{device::cpu, error::EngineError};

impl Predictor {
    /// The images of `data` as the network takes them, whatever their classes: a data set for [`verify`](Self::verify).
    ///
    /// # Errors
    /// No images, images that the network does not take.
    pub fn prepare_pairs(&self, data: Arc<dyn Dataset>) -> Result<Prepared, EngineError> {
        super::prepared::check_images(data.as_ref())?;
        let prepared = self.in_channels(Prepared {
            data,
            missing_classes: Vec::new(),
            notes: Vec::new(),
        })?;
        self.check(prepared.data.as_ref())?;
        Ok(self.with_preprocess_noted(prepared))
    }

    /// Verifies the `pairs` of a [prepared](Self::prepare_pairs) data set by the network's embeddings, its maps at `point`.
    ///
    /// # Errors
    /// An image that cannot be read or that the network does not take, a point that it does not have.
    pub fn verify(
        &self,
        prepared: &Prepared,
        pairs: &Pairs,
        point: &Point,
        config: LoaderConfig,
    ) -> Result<Verification, EngineError> {
        let device = cpu();
        let mut verifier = Verifier::new(pairs);
        let images = Subset::of(Arc::clone(&prepared.data), verifier.images().to_vec())?;
        let mut is_first = true;
        for batch in self.viewer()?.batches(Arc::new(images), config)? {
            let batch = batch?;
            let [_, height, width, channels] = batch.shape;
            let size = self.input.size([height, width, channels])?;
            if std::mem::take(&mut is_first) {
                NetworkInfo::of(self.network.clone(), size, &device)?.size(point, "verify", "network")?;
            }
            let mut taps = Taps::at(std::slice::from_ref(point));
            let mut pass = Pass::visited(Mode::Running, &mut taps);
            self.network
                .forward(self.input.of_batch(&batch, &device)?, &mut pass)?;
            verifier.add(taps.get(point).map_err(MethodError::from)?);
        }
        Ok(verifier.finish())
    }
}
