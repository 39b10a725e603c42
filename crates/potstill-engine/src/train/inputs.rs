//! From a batch to what each network takes: pixels, augmentations, normalisation.

use std::borrow::Cow;

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Batch, DataError};
use potstill_methods::{Augmented, StudentEpoch};
use potstill_random::Seed;
use potstill_tasks::{Sense, Targets, TermContext, targets_where_known};

use super::{error::StepError, learner::Learner, warped::warped};
use crate::network_input::NetworkInput;

/// The images of a step as each network takes them, `[N, H, W, C]`, and what they are.
pub(crate) struct Inputs {
    pub student: Tensor<4>,
    /// Of each teacher.
    pub teachers: Vec<Tensor<4>>,
    /// The same images in their second view, for the student and for each teacher, if a method looks at it.
    pub second: Option<(Tensor<4>, Vec<Tensor<4>>)>,
    /// What is known about each image.
    pub targets: Targets,
    /// The index of each image in the training images.
    pub indices: Vec<usize>,
    /// The epoch and the step in it.
    pub counters: [u64; 2],
}

impl Inputs {
    /// What the losses of the task draw from.
    pub fn context(&self, seed: Seed) -> TermContext<'_> {
        TermContext {
            seed,
            counters: self.counters,
            indices: &self.indices,
            sense: Sense::Usual,
        }
    }
}

impl Learner {
    /// The batch for the student's step. The images of every augmentation come first, then the clean ones.
    pub(crate) fn inputs(
        &self,
        batch: &Batch,
        epoch: StudentEpoch,
        step: usize,
    ) -> Result<Inputs, StepError> {
        let counters = [epoch.0 as u64, step as u64];
        let clean = || self.filled_pixels(batch);
        let (mut made, mut batches) = (Vec::new(), Vec::new());
        for planned in &self.methods {
            if let Some(augmentation) = planned.method.augmentation() {
                let name = format!("{}.augment", planned.id);
                let mut stream = self.seed.stream(&name, &counters);
                let Augmented { pixels, maps } = augmentation.augment(clean(), &mut stream, false);
                made.push(pixels);
                batches.push(match maps {
                    Some(maps) => Cow::Owned(warped(batch, &maps)),
                    None => Cow::Borrowed(batch),
                });
            }
        }
        if made.is_empty() {
            let targets = self.targets(batch)?;
            let take = |input: &NetworkInput| input.of_batch(batch, &self.device);
            let first = self.taken(&take, targets, (batch.indices.clone(), counters))?;
            return self.with_second_view(first, batch);
        }
        made.push(clean());
        batches.push(Cow::Borrowed(batch));
        let all = joined(&batches);
        let pixels = Tensor::cat(made, 0);
        self.taken(
            &|input| Ok(input.of_pixels(pixels.clone())),
            self.targets(&all)?,
            (all.indices, counters),
        )
    }

    /// The pixels of a batch for an augmentation: padding has the colour that is 0 to the student, as in a batch without one.
    pub(crate) fn filled_pixels(&self, batch: &Batch) -> Tensor<4> {
        if !batch.is_padded() {
            return pixels(batch, &self.device);
        }
        let [_, height, width, channels] = batch.shape;
        let mean = self.student_input.in_order_of_pixels().mean;
        let mut filled = batch.images.clone();
        let images = filled.chunks_exact_mut((height * width * channels).max(1));
        for (image, [rows, columns]) in images.zip(&batch.valid) {
            for (place, pixel) in image.chunks_exact_mut(channels.max(1)).enumerate() {
                if place / width >= *rows || place % width >= *columns {
                    pixel.copy_from_slice(&mean);
                }
            }
        }
        Tensor::from_data(TensorData::new(filled, batch.shape), &self.device)
    }

    /// What is known about the images; nothing of those without labels.
    fn targets(&self, batch: &Batch) -> Result<Targets, StepError> {
        Ok(targets_where_known(self.task.as_ref(), batch, &self.device)?)
    }

    /// The same with the second view of the images, if a method looks at it: where the batch has none, the first once more.
    fn with_second_view(&self, first: Inputs, batch: &Batch) -> Result<Inputs, StepError> {
        let mut methods = self.methods.iter();
        if !methods.any(|planned| planned.method.info().second_view) {
            return Ok(first);
        }
        let second = match batch.in_second_view() {
            Some(batch) => {
                let take = |input: &NetworkInput| input.of_batch(&batch, &self.device);
                let of_second = (first.indices.clone(), first.counters);
                let taken = self.taken(&take, first.targets.clone(), of_second)?;
                (taken.student, taken.teachers)
            }
            None => (first.student.clone(), first.teachers.clone()),
        };
        Ok(Inputs {
            second: Some(second),
            ..first
        })
    }

    /// The images as each network takes them: one tensor for all that take them alike.
    fn taken(
        &self,
        take: &dyn Fn(&NetworkInput) -> Result<Tensor<4>, DataError>,
        targets: Targets,
        (indices, counters): (Vec<usize>, [u64; 2]),
    ) -> Result<Inputs, StepError> {
        let student = take(&self.student_input)?;
        let mut known = vec![(&self.student_input, student.clone())];
        let mut teachers = Vec::with_capacity(self.teachers.len());
        for teacher in &self.teachers {
            let alike = known.iter().find(|(input, _)| **input == teacher.input);
            let images = match alike {
                Some((_, images)) => images.clone(),
                None => take(&teacher.input)?,
            };
            known.push((&teacher.input, images.clone()));
            teachers.push(images);
        }
        Ok(Inputs {
            student,
            teachers,
            second: None,
            targets,
            indices,
            counters,
        })
    }
}

/// What is known of the images of several batches of one size, one after the other; their pixels are left out.
fn joined(batches: &[Cow<'_, Batch>]) -> Batch {
    let [_, height, width, channels] = batches.first().map_or([0; 4], |batch| batch.shape);
    let count = batches.iter().map(|batch| batch.len()).sum();
    Batch {
        images: Vec::new(),
        shape: [count, height, width, channels],
        valid: batches.iter().flat_map(|batch| batch.valid.clone()).collect(),
        targets: batches.iter().flat_map(|batch| batch.targets.clone()).collect(),
        truth: Vec::new(),
        second: Vec::new(),
        indices: batches.iter().flat_map(|batch| batch.indices.clone()).collect(),
    }
}

/// The pixels of a batch in `[0, 1]`, `[N, H, W, C]`, on the plain device.
pub(crate) fn pixels(batch: &Batch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.images.clone(), batch.shape), device)
}
