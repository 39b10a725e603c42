//! From a batch to what each network takes: pixels, augmentations, normalisation.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Batch, DataError, Target};
use potstill_methods::StudentEpoch;
use potstill_random::Seed;
use potstill_tasks::{Sense, Targets, TermContext};

use super::{error::StepError, learner::Learner};
use crate::network_input::NetworkInput;

/// The images of a step as each network takes them, `[N, H, W, C]`, and what they are.
pub(crate) struct Inputs {
    pub student: Tensor<4>,
    /// Of each teacher.
    pub teachers: Vec<Tensor<4>>,
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
        let clean = || pixels(batch, &self.device);
        let counters = [epoch.0 as u64, step as u64];
        let mut made = Vec::new();
        for planned in &self.methods {
            if let Some(augmentation) = planned.method.augmentation() {
                let name = format!("{}.augment", planned.id);
                let mut stream = self.seed.stream(&name, &counters);
                made.push(augmentation.augment(clean(), &mut stream, false));
            }
        }
        let targets = self.targets(batch)?;
        if made.is_empty() {
            let take = |input: &NetworkInput| input.of_batch(batch, &self.device);
            return self.taken(&take, targets, (batch.indices.clone(), counters));
        }
        made.push(clean());
        let copies = made.len();
        let pixels = Tensor::cat(made, 0);
        self.taken(
            &|input| Ok(input.of_pixels(pixels.clone())),
            targets.repeated(copies),
            (batch.indices.repeat(copies), counters),
        )
    }

    /// What is known about the images; nothing of those without labels.
    fn targets(&self, batch: &Batch) -> Result<Targets, StepError> {
        if is_unlabelled(batch) {
            return Ok(Targets::None);
        }
        Ok(self.task.targets(batch, &self.device)?)
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
            targets,
            indices,
            counters,
        })
    }
}

/// Whether nothing is known of the images.
pub(crate) fn is_unlabelled(batch: &Batch) -> bool {
    batch.targets.iter().all(|target| *target == Target::None)
}

/// The pixels of a batch in `[0, 1]`, `[N, H, W, C]`, on the plain device.
pub(crate) fn pixels(batch: &Batch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.images.clone(), batch.shape), device)
}
