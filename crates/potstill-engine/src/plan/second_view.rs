//! A second view of each training image, for the methods that look at two.

use potstill_data::{Augment, augment::Step};
use potstill_methods::PlannedMethod;

use super::{data::PlannedData, teachers::PlannedTeacher};
use crate::error::EngineError;

impl PlannedData {
    /// Plans the second view if a method looks at one, and leaves it out if none does. Gives what has to be said about it.
    ///
    /// # Errors
    /// An augmentation that learns, whose images have no second view; steps that the images cannot take, or that give them another size.
    pub(crate) fn plan_second_view(
        &mut self,
        methods: &[PlannedMethod],
        teachers: &[PlannedTeacher],
    ) -> Result<Vec<String>, EngineError> {
        let mut looking = methods.iter().filter(|planned| planned.method.info().second_view);
        let Some(looking) = looking.next() else {
            let idle = self.second_augment.take().map(|_| {
                "`data.second_augment` is not used: no method looks at a second view (`mlkd` does)".to_owned()
            });
            return Ok(idle.into_iter().collect());
        };
        let learned = methods
            .iter()
            .find(|planned| planned.method.augmentation().is_some());
        if let Some(learned) = learned {
            let reason = format!(
                "`{}` looks at two views of each image, and `{}` learns to make images, which have one: take one of them out",
                looking.id, learned.id
            );
            return Err(EngineError::invalid_plan("methods", reason));
        }
        let steps = match self.second_augment.take() {
            Some(steps) => steps,
            None => Augment::new([self.augment.steps(), &[Step::fix_match()]].concat())?,
        };
        steps.check_target(self.train.info().target)?;
        let shape = self.train.shape(0)?;
        if steps.output_shape(shape) != self.image {
            let [height, width, _] = steps.output_shape(shape);
            let reason = format!(
                "gives images of {height}x{width}, and `data.augment` of {}x{}: both views are of one size",
                self.image[0], self.image[1]
            );
            return Err(EngineError::invalid_plan("data.second_augment", reason));
        }
        self.second_augment = Some(steps);
        let mut notes = vec![format!(
            "`{}` looks at a second view of each image: both networks take two passes in a step",
            looking.id
        )];
        notes.extend(teachers.iter().filter(|teacher| teacher.cache.is_some()).map(|teacher| {
            format!(
                "the cache of `{}` keeps what it says about the first view; it looks at the second anew in every step",
                teacher.facts.name
            )
        }));
        Ok(notes)
    }
}
