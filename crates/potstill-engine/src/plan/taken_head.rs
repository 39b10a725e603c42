//! A student that ends with its teacher's classifier.

use potstill_methods::PlannedMethod;
use potstill_ops::Role;

use super::{networks::PlannedStudent, teachers::PlannedTeacher};
use crate::error::EngineError;

impl PlannedStudent {
    /// Puts the classifier of its teacher in, for the entry that wants the student to end with it. Notes what stays in the student.
    ///
    /// # Errors
    /// Two such entries; a classifier that does not fit.
    pub fn take_head(
        &mut self,
        methods: &[PlannedMethod],
        teachers: &[PlannedTeacher],
    ) -> Result<(), EngineError> {
        let mut taking = methods.iter().filter(|planned| planned.method.info().takes_head);
        let Some(planned) = taking.next() else {
            return Ok(());
        };
        let refused = |reason: String| Err(EngineError::invalid_plan("methods", reason));
        if let Some(other) = taking.next() {
            return refused(format!(
                "`{}` and `{}` both put a teacher's classifier in the place of the student's: take one of them out",
                planned.id, other.id
            ));
        }
        let teacher = planned.teachers.first().map(|teacher| &teachers[teacher.index]);
        let Some((teacher, head)) = teacher.and_then(|found| Some((found, found.network.linear_head()?)))
        else {
            return refused(format!(
                "`{}` has no teacher with a linear classifier",
                planned.id
            ));
        };
        self.network.take_head(&head)?;
        let below = format!("{}.", planned.id);
        let entries = self.network.parameters().entries();
        let own = entries
            .iter()
            .filter(|entry| entry.role == Role::Weight && entry.path.starts_with(&below));
        let own: usize = own.map(|entry| entry.shape.iter().product::<usize>()).sum();
        let [classes, channels] = head.weight.dims();
        self.facts.notes.push(format!(
            "the student keeps what `{}` puts in, {own} parameters, and ends with the classifier of the teacher `{}`, {} parameters that do not train",
            planned.id,
            teacher.facts.name,
            classes * (channels + 1)
        ));
        Ok(())
    }
}
