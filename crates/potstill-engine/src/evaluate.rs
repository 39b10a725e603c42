//! Accuracy and loss of a network on a data set.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Augment, Dataset, Loader, LoaderConfig};
use potstill_metrics::{Hits, LOSS, MetricSet, Metrics, TOP1, TOP5};
use potstill_models::FrozenModel;
use serde::Serialize;

use crate::{EngineError, NetworkInput};

/// What an evaluation found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images.
    pub count: usize,
    /// What was measured.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// What is measured on the test images.
pub fn metric_set() -> MetricSet {
    MetricSet {
        headline: TOP1,
        others: vec![TOP5, LOSS],
    }
}

/// Evaluates `network` on every image of `data`, by its running statistics. `progress` hears how many images are done.
///
/// # Errors
/// An image that cannot be read or that the network does not take, a mean that does not fit the images' channels.
pub fn evaluate(
    network: &FrozenModel,
    data: Arc<dyn Dataset>,
    augment: &Augment,
    input: &NetworkInput,
    config: LoaderConfig,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, EngineError> {
    let device = Device::flex();
    let config = LoaderConfig {
        shuffle: false,
        drop_last: false,
        ..config
    };
    let loader = Loader::new(data, augment.for_evaluation(), config)?;
    let classes = network.classes();
    let (mut hits, mut loss) = (Hits::default(), 0.0);
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let [_, height, width, channels] = batch.shape;
        network.check(input.size([height, width, channels])?)?;
        let logits = network.logits(input.of_batch(&batch, &device)?)?;
        let logits: Vec<f32> = logits.into_data().iter().collect();
        let labels = batch.labels()?;
        hits.add(&logits, classes, &labels);
        loss += logits
            .chunks_exact(classes)
            .zip(&labels)
            .map(|(row, &label)| cross_entropy(row, label))
            .sum::<f64>();
        progress(hits.images);
    }
    let count = hits.images;
    Ok(Evaluation {
        count,
        metrics: hits.metrics(classes).with(&LOSS, loss / count.max(1) as f64),
    })
}

/// `-log softmax(row)[label]`, in f64.
fn cross_entropy(row: &[f32], label: u32) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|&logit| (logit as f64 - largest).exp()).sum();
    sum.ln() + largest - row[label as usize] as f64
}
