//! What a finished run tells of its student beyond metrics.

use potstill_metrics::Details;
use potstill_models::{FrozenModel, OutputKind};

use super::Run;
use crate::{
    error::EngineError,
    evaluate::{Companion, Viewer, examine},
    network_input::NetworkInput,
};

/// How many of the most wrong images are kept.
const WORST: usize = 20;

impl Run {
    /// By class and picture by picture, what the student tells of the test images, and how far it agrees with the first teacher that
    /// has its classes.
    pub(super) fn details(&self) -> Result<Details, EngineError> {
        let student = FrozenModel::from(&self.learner.student);
        let names = self.spec.data.judged_by().classes();
        let teachers = self.spec.teachers.iter().zip(&self.learner.teachers);
        let known = teachers.filter(|(facts, _)| facts.network.info.other_class(names).is_none());
        let known = known.map(|(_, teacher)| (teacher.network.frozen(), &teacher.input));
        // Two networks agree by one answer for each image.
        let mut alike = known.filter(|(network, _)| {
            student.output_kind() == OutputKind::Logits
                && network.output_kind() == OutputKind::Logits
                && network.classes() == student.classes()
        });
        let teacher = alike.next();
        let companion = teacher.as_ref().map(|(network, input)| Companion {
            viewer: self.viewer(network, input),
            order: (0..student.classes()).collect(),
        });
        let found = examine(
            self.spec.task.as_ref(),
            &self.viewer(&student, &self.learner.student_input),
            companion.as_ref(),
            self.spec.data.judged_by(),
            self.spec.evaluating(),
            WORST,
            &mut |_| (),
        )?;
        Ok(found.details)
    }

    fn viewer<'a>(&self, network: &'a FrozenModel, input: &'a NetworkInput) -> Viewer<'a> {
        Viewer {
            network,
            preprocess: self.spec.data.preprocess.clone(),
            input,
        }
    }
}
