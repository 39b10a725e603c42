//! Accuracy and loss of a network on a data set.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Augment, Dataset, Loader, LoaderConfig};
use potstill_models::FrozenModel;
use potstill_ops::true_class_ranks;
use serde::Serialize;

use crate::{EngineError, NetworkInput};

/// What an evaluation found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images.
    pub count: usize,
    /// Percent of images whose true class had the largest logit.
    pub top1: f64,
    /// Percent of images whose true class had one of the five largest logits; none with five classes or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// Mean cross-entropy, nats.
    pub loss: f64,
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
    let (mut count, mut top1, mut top5, mut loss) = (0, 0, 0, 0.0);
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let [_, height, width, channels] = batch.shape;
        network.check(input.size([height, width, channels])?)?;
        let logits = network.logits(input.of_batch(&batch, &device)?)?;
        let logits: Vec<f32> = logits.into_data().iter().collect();
        let labels = batch.labels()?;
        for rank in true_class_ranks(&logits, classes, &labels) {
            top1 += usize::from(rank == 0);
            top5 += usize::from(rank < 5);
        }
        loss += logits
            .chunks_exact(classes)
            .zip(&labels)
            .map(|(row, &label)| cross_entropy(row, label))
            .sum::<f64>();
        count += labels.len();
        progress(count);
    }
    let percent = |hits| 100.0 * hits as f64 / count.max(1) as f64;
    let top5 = (classes > 5).then(|| percent(top5));
    Ok(Evaluation {
        count,
        top1: percent(top1),
        top5,
        loss: loss / count.max(1) as f64,
    })
}

/// `-log softmax(row)[label]`, in f64.
fn cross_entropy(row: &[f32], label: u32) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|&logit| (logit as f64 - largest).exp()).sum();
    sum.ln() + largest - row[label as usize] as f64
}
