//! One step of a round, in which an augmentation learns: both networks are frozen, gradients go through them to the images.

use burn::tensor::Tensor;
use potstill_data::Batch;
use potstill_methods::SearchOutputs;
use potstill_models::{FrozenModel, Model, ModelError};
use potstill_ops::{Frozen, Mode, Pass};

use crate::{
    train::backward::{Optimizers, gradients},
    train::inputs::{StepIndex, labels, pixels},
    train::learner::{Learner, OptimizerGroup},
    train::step::{StepError, StepReport, values},
};

/// Both networks as they stand at the beginning of an epoch of a round.
pub(crate) struct FrozenPair {
    student: Frozen<Model>,
    teacher: FrozenModel,
}

impl Learner {
    /// The networks that judge augmented images; none without a teacher.
    pub fn frozen_pair(&self) -> Option<FrozenPair> {
        Some(FrozenPair {
            student: Frozen::new(&self.student),
            teacher: self.teacher.as_ref()?.network.frozen(),
        })
    }

    /// Trains the augmentation of a method on one batch; nothing else moves.
    pub fn search_step(
        &mut self,
        method: usize,
        pair: &FrozenPair,
        batch: &Batch,
        index: StepIndex,
        optimizers: &mut Optimizers,
    ) -> Result<StepReport, StepError> {
        let name = self.methods[method].1.name();
        let idle = StepReport {
            loss: 0.0,
            terms: Vec::new(),
            hits: 0,
        };
        let Some(augmentation) = self.methods[method].1.augmentation() else {
            return Ok(idle);
        };
        let counters = [index.epoch as u64, index.step as u64];
        let mut stream = self.seed.stream(&format!("{name}.round"), &counters);
        let made = augmentation.augment(pixels(batch, &self.device), &mut stream, true);
        let [student, teacher] = self.frozen_logits(pair, made).map_err(StepError::Network)?;
        let outputs = SearchOutputs {
            student: &student,
            teacher: &teacher,
            labels: &labels(batch, &self.device)?,
        };
        let terms = augmentation.terms(&outputs).into_iter();
        let weighted: Vec<_> = terms.map(|term| (term.factor, term)).collect();
        let (loss, terms) = values(&weighted)?;
        let rate = augmentation.rate();
        if let (Some(mut gradients), Some(own)) =
            (gradients(weighted), self.methods[method].1.augmentation_mut())
        {
            let optimizer = optimizers.of(OptimizerGroup::SearchRound);
            own.modules_mut()
                .update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
                    let name = format!("{name}.augmentation/{}", entry.path);
                    optimizer.update(&name, value, gradient, rate)
                });
        }
        Ok(StepReport { loss, terms, ..idle })
    }

    /// Logits of the student and of the teacher for these pixels, by running statistics, with gradients to the pixels.
    pub fn frozen_logits(&self, pair: &FrozenPair, pixels: Tensor<4>) -> Result<[Tensor<2>; 2], ModelError> {
        let mut pass = Pass::new(Mode::RunningWithGradient);
        let images = self.student_input.of_pixels(pixels.clone());
        let student = pair.student.get().forward(images, &mut pass).into_logits()?;
        let input = self
            .teacher
            .as_ref()
            .map_or(&self.student_input, |teacher| &teacher.input);
        let mut pass = Pass::new(Mode::RunningWithGradient);
        let teacher = pair
            .teacher
            .forward(input.of_pixels(pixels), &mut pass)?
            .into_logits()?;
        Ok([student, teacher])
    }
}
