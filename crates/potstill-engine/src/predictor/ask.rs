//! A network is asked what images show.

use std::sync::Arc;

use burn::tensor::{
    Tensor, TensorData,
    activation::{sigmoid, softmax},
};
use potstill_data::{DatasetInfo, FloatImage, Image, InMemory, Sample, Target, TargetKind};
use potstill_random::Seed;
use potstill_tasks::{Prediction, Probabilities, TaskOptions};
use serde::Serialize;

use super::Predictor;
use crate::{device::cpu, error::EngineError};

/// A class and how likely an image shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The name of the class, or its number where nothing says its name.
    pub class: String,
    /// The probability, in `[0, 1]`.
    pub probability: f32,
}

impl Predictor {
    /// What the network says of each image, in the size of that image: boxes, masks, a class map, or the classes of the whole image. Images
    /// may have any size. Of a detector these are all its detections, those of low scores as well.
    ///
    /// # Errors
    /// An image that the network does not take.
    pub fn answer(&self, images: &[Image]) -> Result<Vec<Prediction>, EngineError> {
        let options = TaskOptions {
            classes: (0..self.network.classes())
                .map(|class| self.class_name(class))
                .collect(),
            ..TaskOptions::default()
        };
        let task = potstill_tasks::task(self.task, options);
        let channels = self.network.channels();
        let samples = images.iter().map(|image| {
            Ok(Sample {
                image: in_channels(image, channels)?,
                target: Target::None,
            })
        });
        let samples = samples.collect::<Result<Vec<_>, EngineError>>()?;
        let info = DatasetInfo::new("images", TargetKind::None, &self.class_names);
        self.viewer()?
            .predictions(task.as_ref(), Arc::new(InMemory::new(samples, info)?))
    }

    /// The `top` likeliest classes of each image, the likeliest first. Images may have any size.
    ///
    /// # Errors
    /// An image that the network does not take, a network that gives no logits.
    pub fn ask(&self, images: &[Image], top: usize) -> Result<Vec<Vec<Ranked>>, EngineError> {
        let augment = self.augment()?;
        let channels = self.network.channels();
        let taken = images
            .iter()
            .map(|image| Ok(augment.apply(&in_channels(image, channels)?, Seed::new(0), 0, 0)?));
        let taken = taken.collect::<Result<Vec<FloatImage>, EngineError>>()?;
        // Where no step gives all images one size, neighbours of one size are looked at together.
        let alike = taken.chunk_by(|a, b| a.shape() == b.shape());
        let answers = alike.map(|images| self.probabilities(images));
        let rows = answers.collect::<Result<Vec<_>, EngineError>>()?;
        Ok(rows
            .into_iter()
            .flatten()
            .map(|row| self.ranked(&row, top))
            .collect())
    }

    /// The probability of each class for images of one shape.
    fn probabilities(&self, images: &[FloatImage]) -> Result<Vec<Vec<f32>>, EngineError> {
        let Some([height, width, channels]) = images.first().map(FloatImage::shape) else {
            return Ok(Vec::new());
        };
        self.input.check([height, width, channels])?;
        self.network.check(self.input.size([height, width, channels])?)?;
        let values: Vec<f32> = images
            .iter()
            .flat_map(|image| image.pixels.iter().copied())
            .collect();
        let data = TensorData::new(values, [images.len(), height, width, channels]);
        let logits = self
            .network
            .logits(self.input.of_pixels(Tensor::from_data(data, &cpu())))?;
        let task = potstill_tasks::task(self.task, TaskOptions::default());
        let classes = logits.dims()[1];
        let probabilities = match task.probabilities() {
            Probabilities::Softmax => softmax(logits, 1),
            Probabilities::Sigmoid => sigmoid(logits),
        };
        let values: Vec<f32> = probabilities.into_data().iter().collect();
        Ok(values.chunks_exact(classes.max(1)).map(<[f32]>::to_vec).collect())
    }

    fn ranked(&self, row: &[f32], top: usize) -> Vec<Ranked> {
        let mut order: Vec<usize> = (0..row.len()).collect();
        // Equal ones stay in the order of the classes.
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        let ranked = |class: usize| Ranked {
            class: self.class_name(class),
            probability: row[class],
        };
        order.into_iter().take(top).map(ranked).collect()
    }
}

/// The image in as many channels as a network takes.
fn in_channels(image: &Image, channels: usize) -> Result<Image, EngineError> {
    let found = image.channels;
    image
        .clone()
        .into_channels(channels)
        .ok_or_else(|| EngineError::Images(format!("one has {found} channels, the network takes {channels}")))
}
