//! Verification of pairs of images by a network. Both images of a pair are taken as the network takes its images, degraded if that is
//! how it was trained.

use std::sync::Arc;

use potstill_data::{Augment, Dataset, Loader, LoaderConfig, Pairs, Subset};
use potstill_methods::{MethodError, NetworkInfo};
use potstill_metrics::Verification;
use potstill_models::FrozenModel;
use potstill_ops::{Mode, Pass, Point, Taps};
use potstill_tasks::Verifier;

use crate::{device::cpu, error::EngineError, network_input::NetworkInput};

/// Verifies the `pairs` of `data` by the network's embeddings, its maps at `point`.
///
/// # Errors
/// An image that cannot be read or that the network does not take, a point that it does not have.
pub fn verify(
    network: &FrozenModel,
    data: Arc<dyn Dataset>,
    pairs: &Pairs,
    point: &Point,
    input: &NetworkInput,
    config: LoaderConfig,
) -> Result<Verification, EngineError> {
    let device = cpu();
    let mut verifier = Verifier::new(pairs);
    let images = Subset::of(data, verifier.images().to_vec())?;
    let config = LoaderConfig {
        shuffle: false,
        drop_last: false,
        ..config
    };
    let loader = Loader::new(Arc::new(images), Augment::none(), config)?;
    let mut is_first = true;
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let [_, height, width, channels] = batch.shape;
        let size = input.size([height, width, channels])?;
        if std::mem::take(&mut is_first) {
            NetworkInfo::of(network.clone(), size, &device)?.size(point, "verify", "network")?;
        }
        let mut taps = Taps::at(std::slice::from_ref(point));
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        network.forward(input.of_batch(&batch, &device)?, &mut pass)?;
        verifier.add(taps.get(point).map_err(MethodError::from)?);
    }
    Ok(verifier.finish())
}
