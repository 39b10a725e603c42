//! One training step, as a method sees it.

use std::ops::Deref;

use burn::tensor::Tensor;
use potstill_tasks::{Probabilities, Targets};

use crate::{MethodError, NetworkOutput, StudentEpoch, TeacherOutput};

/// One training step without a teacher.
#[derive(Clone, Copy)]
pub struct StudentStep<'a> {
    /// The name of the entry in the recipe: its terms are called so, or begin with it.
    pub id: &'a str,
    /// The student, tracked.
    pub student: &'a NetworkOutput,
    /// What is known about each image.
    pub targets: &'a Targets,
    /// How logits become probabilities.
    pub probabilities: Probabilities,
    /// The index of each image in the training images.
    pub indices: &'a [usize],
    /// The student's epoch.
    pub epoch: StudentEpoch,
}

/// One training step with a teacher. What a step without one has, it has as well.
#[derive(Clone, Copy)]
pub struct StepContext<'a> {
    /// The step without the teacher.
    pub step: StudentStep<'a>,
    /// The entry's teacher.
    pub teacher: &'a TeacherOutput,
}

impl<'a> Deref for StepContext<'a> {
    type Target = StudentStep<'a>;

    fn deref(&self) -> &Self::Target {
        &self.step
    }
}

impl<'a> StepContext<'a> {
    /// The teacher on the plain device: a constant, whether it trains or not.
    pub fn teacher(&self) -> &'a NetworkOutput {
        self.teacher.constant()
    }

    /// How far the student's probabilities, softened by the temperature, are from the teacher's, or from the mean of several teachers':
    /// see [`Probabilities::divergence`]. A tensor with one element.
    ///
    /// # Errors
    /// A network that gives no logits.
    pub fn divergence(&self, temperature: f64) -> Result<Tensor<1>, MethodError> {
        let teacher = self.teacher.logits(temperature, self.probabilities)?;
        let student = self.student.logits()?;
        Ok(self.probabilities.divergence(student, teacher, temperature))
    }
}

/// The step of a teacher that is updated before the student's forward pass.
#[derive(Clone, Copy)]
pub struct TeacherStep<'a> {
    /// The name of the entry in the recipe.
    pub id: &'a str,
    /// The teacher, tracked.
    pub teacher: &'a NetworkOutput,
    /// What is known about each image.
    pub targets: &'a Targets,
    /// The student's epoch.
    pub epoch: StudentEpoch,
}
