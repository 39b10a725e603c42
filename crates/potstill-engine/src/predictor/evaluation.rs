//! A network is measured on a data set, whose classes are its own by name.

use potstill_data::{ClassMatch, LoaderConfig};
use potstill_tasks::TaskOptions;

use super::{Predictor, Prepared};
use crate::{
    error::EngineError,
    evaluate::{Companion, Evaluation, examine},
};

/// How a network is measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct EvaluationSettings<'a> {
    /// How images are loaded.
    pub loading: LoaderConfig,
    /// How many of the most wrong images are told.
    pub worst: usize,
    /// A teacher whose agreement is measured.
    pub teacher: Option<&'a Predictor>,
}

impl Predictor {
    /// Measures the network on every image of a [prepared](Self::prepare) data set. `progress` hears how many images are done.
    ///
    /// # Errors
    /// As [`evaluate`](crate::evaluate); a teacher of other classes.
    pub fn evaluate(
        &self,
        prepared: &Prepared,
        settings: &EvaluationSettings<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Evaluation, EngineError> {
        let options = TaskOptions {
            classes: prepared.data.classes().to_vec(),
            ..TaskOptions::default()
        };
        let task = potstill_tasks::task(self.task, options);
        let teacher = settings
            .teacher
            .map(|teacher| self.companion(teacher))
            .transpose()?;
        let found = examine(
            task.as_ref(),
            &self.viewer()?,
            teacher.as_ref(),
            &prepared.data,
            settings.loading,
            settings.worst,
            progress,
        )?;
        Ok(Evaluation {
            missing_classes: prepared.missing_classes.clone(),
            ..found
        })
    }

    /// A teacher that looks at the same images, its classes in the order of this network.
    fn companion<'a>(&self, teacher: &'a Predictor) -> Result<Companion<'a>, EngineError> {
        let (ours, theirs) = (self.network.classes(), teacher.network.classes());
        if ours != theirs {
            let reason = format!(
                "{} has {theirs} classes and {} has {ours}: there is nothing to agree on",
                teacher.name, self.name
            );
            return Err(EngineError::invalid_plan("teacher", reason));
        }
        let names = if self.class_names.is_empty() {
            &teacher.class_names
        } else {
            &self.class_names
        };
        let order = match ClassMatch::of(&self.name, names, &teacher.class_names)? {
            ClassMatch::Same | ClassMatch::ByPosition => (0..ours).collect(),
            ClassMatch::ByName { numbers, .. } | ClassMatch::ByNumber { numbers } => {
                numbers.into_iter().map(|number| number as usize).collect()
            }
        };
        Ok(Companion {
            viewer: teacher.viewer()?,
            order,
        })
    }
}
