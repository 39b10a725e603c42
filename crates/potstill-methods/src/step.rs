//! One training step, as a method sees it.

use std::ops::Deref;

use burn::tensor::{Int, Tensor};

use crate::{NetworkOutput, StudentEpoch, TeacherOutput};

/// One training step without a teacher.
#[derive(Clone, Copy)]
pub struct StudentStep<'a> {
    /// The name of the entry in the recipe: its terms are called so, or begin with it.
    pub id: &'a str,
    /// The student, tracked.
    pub student: &'a NetworkOutput,
    /// Class indices `[N]`.
    pub labels: &'a Tensor<1, Int>,
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

    /// The teacher's logits `[N, K]`, to be softened at this temperature: see [`TeacherOutput::logits`].
    pub fn teacher_logits(&self, temperature: f64) -> Tensor<2> {
        self.teacher.logits(temperature)
    }
}

/// The step of a teacher that is updated before the student's forward pass.
#[derive(Clone, Copy)]
pub struct TeacherStep<'a> {
    /// The name of the entry in the recipe.
    pub id: &'a str,
    /// The teacher, tracked.
    pub teacher: &'a NetworkOutput,
    /// Class indices `[N]`.
    pub labels: &'a Tensor<1, Int>,
    /// The student's epoch.
    pub epoch: StudentEpoch,
}
