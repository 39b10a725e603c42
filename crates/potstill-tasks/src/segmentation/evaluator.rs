//! The measurements of a class per pixel.

use burn::tensor::Tensor;
use potstill_data::{Batch, LabelMap};
use potstill_metrics::{Details, LOSS, Metrics, PixelConfusion};
use potstill_models::Outputs;

use super::{
    answer::{columns, largest, logits_of},
    label_map,
};
use crate::{Evaluator, TaskError, classification::of_row};

/// Counts pixels, and adds up their cross-entropy. An image is measured in the size of its file where the batch knows it: the logits of
/// the image without its padding are resized to it.
#[derive(Debug)]
pub(super) struct Pixels {
    names: Vec<String>,
    confusion: PixelConfusion,
    loss: f64,
    labelled: u64,
}

impl Pixels {
    /// Of classes that are called so.
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            confusion: PixelConfusion::new(names.len()),
            loss: 0.0,
            labelled: 0,
        }
    }

    /// Adds an image with logits `[1, H, W, K]` in the size of its label map.
    fn look(&mut self, logits: Tensor<4>, map: &LabelMap) {
        let all = logits.dims()[3];
        let classes = columns(all, self.names.len());
        let logits: Vec<f32> = logits.into_data().iter().collect();
        let rows = logits.chunks_exact(all.max(1));
        let mut told = Vec::with_capacity(map.labels.len());
        for (row, &label) in rows.zip(&map.labels) {
            told.push(largest(row));
            if label != LabelMap::IGNORE && usize::from(label) < classes {
                self.loss += of_row(&row[..classes], u32::from(label));
                self.labelled += 1;
            }
        }
        self.confusion.add_image(&map.labels, &told, LabelMap::IGNORE);
    }
}

impl Evaluator for Pixels {
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError> {
        let logits = outputs.dense_logits()?.full().inner();
        for (image, moved) in batch.targets.iter().enumerate() {
            let target = batch.truth.get(image).map_or(moved, |truth| &truth.target);
            let own = logits_of(&logits, batch, image);
            self.look(own, label_map(target)?);
        }
        Ok(())
    }

    fn finish(&self) -> Metrics {
        let mean = self.loss / self.labelled.max(1) as f64;
        self.confusion.metrics().with(&LOSS, mean)
    }

    fn details(&self, _worst: usize) -> Details {
        Details {
            by_class: self.confusion.by_class(&self.names),
            confusion: self.confusion.matrix(&self.names),
            ..Details::default()
        }
    }
}
