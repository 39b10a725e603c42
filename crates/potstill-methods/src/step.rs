//! One training step, as a method sees it.

use std::ops::Deref;

use burn::tensor::Tensor;
use potstill_models::LinearHead;
use potstill_tasks::{RowSet, Rows, Targets, Task, TermContext};

use crate::{ClassMap, MethodError, Moment, NetworkOutput, StudentEpoch, TeacherOutput, levels::summed};

/// One training step without a teacher.
#[derive(Clone, Copy)]
pub struct StudentStep<'a> {
    /// The name of the entry in the recipe: its terms are called so, or begin with it.
    pub id: &'a str,
    /// The student, tracked.
    pub student: &'a NetworkOutput,
    /// What is known about each image.
    pub targets: &'a Targets,
    /// What the networks are trained for.
    pub task: &'a dyn Task,
    /// What random draws start from: epoch and step, and the index of each image in the training images.
    pub context: TermContext<'a>,
    /// Which step it is.
    pub at: Moment,
    /// The student's classifier, tracked, if an entry reads it.
    pub head: Option<&'a LinearHead>,
    /// What the networks did with a second view of each image, if an entry looks at one.
    pub second: Option<SecondView<'a>>,
}

/// What the networks did with a second, stronger view of the images of a step, in the same order.
#[derive(Clone, Copy)]
pub struct SecondView<'a> {
    /// The student, tracked.
    pub student: &'a NetworkOutput,
    /// The entry's teacher; `None` of an entry without one.
    pub teacher: Option<&'a TeacherOutput>,
}

/// One training step with a teacher. What a step without one has, it has as well.
#[derive(Clone, Copy)]
pub struct StepContext<'a> {
    /// The step without the teacher.
    pub step: StudentStep<'a>,
    /// The entry's teacher.
    pub teacher: &'a TeacherOutput,
}

impl StudentStep<'_> {
    /// The student's classifier, tracked.
    ///
    /// # Errors
    /// [`MethodError::UnreadHead`] if the method does not say that it reads it ([`MethodInfo::heads`](crate::MethodInfo::heads)).
    pub fn head(&self) -> Result<&LinearHead, MethodError> {
        self.head.ok_or(MethodError::UnreadHead)
    }

    /// The student's rows of class scores. Most networks give one set.
    ///
    /// # Errors
    /// Outputs that the task has no rows of.
    pub fn own_rows(&self) -> Result<Vec<Rows>, MethodError> {
        let sets = self
            .task
            .rows(&self.student.outputs, &[], self.targets, &self.context)?;
        Ok(sets.into_iter().map(|set| set.student).collect())
    }

    /// The sum over the sets of rows of a loss of each. A tensor with one element.
    ///
    /// # Errors
    /// As [`own_rows`](Self::own_rows) and `loss`.
    pub(crate) fn summed_own_rows(
        &self,
        loss: impl FnMut(Rows) -> Result<Tensor<1>, MethodError>,
    ) -> Result<Tensor<1>, MethodError> {
        let losses = self.own_rows()?.into_iter().map(loss);
        summed(losses.collect::<Result<Vec<_>, _>>()?.into_iter())
    }
}

impl<'a> Deref for StepContext<'a> {
    type Target = StudentStep<'a>;

    fn deref(&self) -> &Self::Target {
        &self.step
    }
}

impl<'a> StepContext<'a> {
    /// What the student, tracked, and the teacher did with the second view of each image.
    ///
    /// # Errors
    /// [`MethodError::NoSecondView`] if the method does not say that it looks at one ([`MethodInfo::second_view`](crate::MethodInfo::second_view)).
    pub fn second(&self) -> Result<(&'a NetworkOutput, &'a TeacherOutput), MethodError> {
        let second = self.step.second.ok_or(MethodError::NoSecondView)?;
        Ok((second.student, second.teacher.ok_or(MethodError::NoSecondView)?))
    }

    /// The teacher on the plain device: a constant, whether it trains or not.
    pub fn teacher(&self) -> &'a TeacherOutput {
        self.teacher
    }

    /// The student's rows of class scores, and the teacher's beside them, or those whose probabilities at this temperature are the mean of
    /// several teachers'. Most networks give one set.
    ///
    /// # Errors
    /// Outputs that the task has no rows of, or that do not stand beside each other.
    pub fn rows(&self, temperature: f64) -> Result<Vec<(Rows, Tensor<2>)>, MethodError> {
        let (weights, outputs): (Vec<f64>, Vec<_>) = self.teacher.members()?.into_iter().unzip();
        let student = &self.student.outputs;
        let sets = self.task.rows(student, &outputs, self.targets, &self.context)?;
        let one = |RowSet { student, teachers }: RowSet| {
            let probabilities = student.probabilities;
            let mut members: Vec<_> = weights.iter().copied().zip(teachers).collect();
            let teacher = match members.len() {
                1 => Some(members.remove(0).1),
                _ => probabilities.mean(&members, temperature),
            };
            teacher.map(|teacher| (student, teacher))
        };
        Ok(sets.into_iter().filter_map(one).collect())
    }

    /// The sum over the sets of rows of a loss of each and of the teacher's beside it, as [`rows`](Self::rows) has them. A tensor with one element.
    ///
    /// # Errors
    /// As [`rows`](Self::rows) and `loss`.
    pub(crate) fn summed_rows(
        &self,
        temperature: f64,
        mut loss: impl FnMut(Rows, Tensor<2>) -> Result<Tensor<1>, MethodError>,
    ) -> Result<Tensor<1>, MethodError> {
        let sets = self.rows(temperature)?.into_iter();
        let losses = sets.map(|(rows, teacher)| loss(rows, teacher));
        summed(losses.collect::<Result<Vec<_>, _>>()?.into_iter())
    }

    /// How far the student's probabilities, softened by the temperature, are from the teacher's, or from the mean of several teachers':
    /// [`Rows::divergence`], summed over the sets. A tensor with one element.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn divergence(&self, temperature: f64) -> Result<Tensor<1>, MethodError> {
        self.divergence_of(ClassMap::Sigmoid, temperature, 0.0)
    }

    /// The same with the class maps of one-stage detectors compared so, and every score weighted by how far both probabilities are apart, to the
    /// power `focal`: [`Rows::focal_divergence`].
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn divergence_of(
        &self,
        class_map: ClassMap,
        temperature: f64,
        focal: f64,
    ) -> Result<Tensor<1>, MethodError> {
        let sets = self.rows(temperature)?.into_iter().map(|(student, teacher)| {
            let (student, teacher) = match class_map {
                ClassMap::Sigmoid => (student, teacher),
                ClassMap::SoftmaxOverAnchors => student.over_anchors(teacher),
            };
            student.focal_divergence(teacher, temperature, focal)
        });
        summed(sets)
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
