//! From a batch to what each network takes: pixels, augmentations, normalisation.

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_data::{Batch, DataError};

use crate::train::learner::Learner;

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepIndex {
    /// The student's epoch, from 0; in a round the epoch of all rounds, from 0.
    pub epoch: usize,
    /// The step within the epoch, from 0.
    pub step: usize,
}

/// The images of a step as each network takes them, `[N, H, W, C]`, and their classes `[N]`.
pub(crate) struct Inputs {
    pub student: Tensor<4>,
    pub teacher: Option<Tensor<4>>,
    pub labels: Tensor<1, Int>,
}

impl Learner {
    /// The batch for the student's step. The images of every augmentation come first, then the clean ones.
    pub(crate) fn inputs(&self, batch: &Batch, index: StepIndex) -> Result<Inputs, DataError> {
        let counters = [index.epoch as u64, index.step as u64];
        let augmentations = self
            .methods
            .iter()
            .filter_map(|(_, method)| method.augmentation().map(|own| (method.name(), own)));
        let clean = || pixels(batch, &self.device);
        let mut made: Vec<Tensor<4>> = augmentations
            .map(|(name, own)| {
                let mut stream = self.seed.stream(&format!("{name}.augment"), &counters);
                own.augment(clean(), &mut stream, false)
            })
            .collect();
        let labels = labels(batch, &self.device)?;
        if made.is_empty() {
            return Ok(self.plain(batch, labels));
        }
        let copies = made.len() + 1;
        made.push(clean());
        let pixels = Tensor::cat(made, 0);
        Ok(Inputs {
            student: self.student_input.of_pixels(pixels.clone()),
            teacher: self
                .teacher
                .as_ref()
                .map(|teacher| teacher.input.of_pixels(pixels)),
            labels: Tensor::cat(vec![labels; copies], 0),
        })
    }

    /// The batch as it is: one tensor for both networks where they take it alike.
    fn plain(&self, batch: &Batch, labels: Tensor<1, Int>) -> Inputs {
        let student = self.student_input.of_batch(batch, &self.device);
        let teacher = self.teacher.as_ref().map(|teacher| {
            if teacher.input == self.student_input {
                student.clone()
            } else {
                teacher.input.of_batch(batch, &self.device)
            }
        });
        Inputs {
            student,
            teacher,
            labels,
        }
    }
}

/// The classes of a batch, `[N]`; an error where its targets are of another kind.
pub(crate) fn labels(batch: &Batch, device: &Device) -> Result<Tensor<1, Int>, DataError> {
    let labels: Vec<i32> = batch.labels()?.into_iter().map(|label| label as i32).collect();
    let count = labels.len();
    Ok(Tensor::from_data(TensorData::new(labels, [count]), device))
}

/// The pixels of a batch in `[0, 1]`, `[N, H, W, C]`, on the plain device.
pub(crate) fn pixels(batch: &Batch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.images.clone(), batch.shape), device)
}
