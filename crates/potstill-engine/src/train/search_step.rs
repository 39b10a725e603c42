//! One step of a round, in which an augmentation learns: both networks are frozen, gradients go through them to the images.

use burn::tensor::Tensor;
use potstill_data::Batch;
use potstill_methods::{MethodError, OptimizerGroup, SearchOutputs};
use potstill_metrics::Metrics;
use potstill_models::{FrozenModel, Model, ModelError, Outputs};
use potstill_ops::{Frozen, Mode, Pass};
use potstill_optim::clip_by_global_norm;
use potstill_tasks::{Sense, TermContext};

use super::{
    backward::{Optimizers, gradients},
    error::StepError,
    learner::Learner,
    parts::OptimizerKey,
    step::StepReport,
    terms::{StepLoss, Weighted, values},
    warped::warped,
};
use crate::{error::EngineError, network_input::NetworkInput};

/// Both networks as they stand at the beginning of an epoch of a round.
pub(crate) struct FrozenPair {
    student: (Frozen<Model>, NetworkInput),
    teacher: (FrozenModel, NetworkInput),
}

impl Learner {
    /// The student and the teacher of the entry with this index, for its augmentation to learn from.
    pub fn frozen_pair(&self, method: usize) -> Result<FrozenPair, EngineError> {
        let planned = &self.methods[method];
        let teacher = self.teacher_of(planned);
        let teacher = teacher.ok_or_else(|| MethodError::NoTeacher(planned.id.clone()))?;
        Ok(FrozenPair {
            student: (Frozen::new(&self.student), self.student_input.clone()),
            teacher: (teacher.network.frozen(), teacher.input.clone()),
        })
    }

    /// Trains the augmentation of the entry with this index on one batch; nothing else moves. The counters are the epoch of all rounds
    /// of the run and the step, from 0.
    pub fn search_step(
        &mut self,
        method: usize,
        pair: &FrozenPair,
        batch: &Batch,
        [epoch, step]: [usize; 2],
        optimizers: &mut Optimizers,
    ) -> Result<StepReport, StepError> {
        let planned = &self.methods[method];
        let id = planned.id.clone();
        let augmentation = planned.method.augmentation();
        let augmentation = augmentation
            .ok_or(MethodError::NoAugmentation)
            .map_err(StepError::of(&id))?;
        let mut stream = self
            .seed
            .stream(&format!("{id}.round"), &[epoch as u64, step as u64]);
        let made = augmentation.augment(self.filled_pixels(batch), &mut stream, true);
        let [student, teacher] = pair.forward(made.pixels)?;
        let targets = match &made.maps {
            Some(maps) => self.task.targets(&warped(batch, maps), &self.device)?,
            None => self.task.targets(batch, &self.device)?,
        };
        let outputs = SearchOutputs {
            student: &student,
            teacher: &teacher,
            targets: &targets,
            task: self.task.as_ref(),
            context: TermContext {
                seed: self.seed,
                counters: [epoch as u64, step as u64],
                indices: &batch.indices,
                sense: Sense::Usual,
            },
        };
        let terms = augmentation.terms(&outputs).map_err(StepError::of(&id))?;
        // There are no other terms in a round, so they keep their names.
        let terms = terms.into_iter().map(|term| Weighted {
            is_task: false,
            weight: term.factor,
            term,
        });
        let weighted: Vec<_> = terms.collect();
        let StepLoss { loss, terms } = values(&weighted)?;
        let (rate, limit) = (augmentation.rate(), augmentation.clip_norm());
        if let Some(mut gradients) = gradients(weighted) {
            let optimizer = optimizers.of(OptimizerKey::Search);
            let parts = self.methods[method].method.parts().into_iter();
            let learning: Vec<_> = parts
                .filter(|part| part.group == Some(OptimizerGroup::Search))
                .map(|part| part.module)
                .collect();
            let scale = limit.map_or(1.0, |limit| clip_by_global_norm(&learning, &gradients, limit));
            let parts = self.methods[method].method.parts_mut().into_iter();
            for part in parts.filter(|part| part.group == Some(OptimizerGroup::Search)) {
                let name = part.full_name(&id);
                part.module
                    .update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
                        let gradient = if scale < 1.0 { gradient * scale } else { gradient };
                        optimizer.update(&format!("{name}/{}", entry.path), value, gradient, rate)
                    });
            }
        }
        Ok(StepReport {
            loss,
            terms,
            counts: Metrics::new(),
        })
    }
}

impl FrozenPair {
    /// What the student and the teacher give for these pixels, by running statistics, with gradients to the pixels.
    pub fn forward(&self, pixels: Tensor<4>) -> Result<[Outputs; 2], ModelError> {
        let (network, input) = &self.student;
        let mut pass = Pass::new(Mode::RunningWithGradient);
        let student = network.get().forward(input.of_pixels(pixels.clone()), &mut pass);
        let (network, input) = &self.teacher;
        let mut pass = Pass::new(Mode::RunningWithGradient);
        let teacher = network.forward(input.of_pixels(pixels), &mut pass)?;
        Ok([student, teacher])
    }
}
