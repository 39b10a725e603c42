//! What is measured in a run, and on which images: after each epoch on those that choose the best one, and on the test images at the
//! end.

use std::sync::Arc;

use potstill_data::Dataset;
use potstill_metrics::Metrics;
use potstill_models::{FrozenModel, Model};
use potstill_report::IndexMap;

use super::Run;
use crate::{
    checkpoint::{Checkpoint, Position, TensorRestorer},
    error::EngineError,
    network_input::NetworkInput,
    observer::Observer,
    plan::teachers::TeacherFacts,
    teacher_exam::TeacherExam,
    train::teacher::LiveTeacher,
};

/// What the student reached at the end of an epoch.
#[derive(Default)]
pub(super) struct Measured {
    pub validation: Option<Metrics>,
    pub test: Option<Metrics>,
}

/// What was measured on the test images after the last epoch, where validation images chose the best one.
#[derive(Default)]
pub(super) struct FinalTest {
    /// The weights of the best epoch.
    pub best: Metrics,
    /// The teachers, by name.
    pub teachers: IndexMap<String, Metrics>,
}

impl Run {
    /// The student at the end of an epoch. Where validation images choose the best epoch, the test images are left alone until
    /// the last one.
    pub(super) fn measure_epoch(&self) -> Result<Measured, EngineError> {
        let data = &self.spec.data;
        let found = self.measure_student(data.chosen_by())?;
        if data.validation.is_none() {
            return Ok(Measured {
                validation: None,
                test: Some(found),
            });
        }
        let is_last = self.position.epoch.0 + 1 == self.spec.timeline.len();
        let test = data.test.as_ref().filter(|_| is_last);
        Ok(Measured {
            validation: Some(found),
            test: test.map(|test| self.measure_student(test)).transpose()?,
        })
    }

    /// The teachers of this kind on these images as they are now, by name. One of other classes is left out.
    pub(super) fn measure_teachers(
        &self,
        images: &Arc<dyn Dataset>,
        is_wanted: fn(&LiveTeacher) -> bool,
    ) -> Result<IndexMap<String, Metrics>, EngineError> {
        let mut found = IndexMap::new();
        for teacher in self.learner.teachers.iter().filter(|teacher| is_wanted(teacher)) {
            let network = teacher.network.frozen();
            if self.spec.can_measure(&network) {
                found.insert(
                    teacher.name.clone(),
                    self.spec.measure(&network, &teacher.input, images)?,
                );
            }
        }
        Ok(found)
    }

    /// Measures the teachers before anything is learned from them, and says what they know. What is found of one that stays as it is
    /// holds for the whole run; one that grows up from nothing is not asked yet.
    pub(super) fn examine_teachers(&mut self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let is_new = self.position == Position::default();
        for (facts, teacher) in self.spec.teachers.iter().zip(&self.learner.teachers) {
            let grows = teacher.is_online() && !(is_new && facts.network.info.has_weights);
            if grows || self.teacher_metrics.contains_key(&facts.name) {
                continue;
            }
            let Some(exam) = TeacherExam::of(&self.spec, facts, &teacher.network.frozen(), None)? else {
                continue;
            };
            if let Some(note) = facts.size_note(self.spec.data.image) {
                observer.says(&note);
            }
            let TeacherFacts { name, network, .. } = facts;
            observer.says(&format!(
                "the teacher `{name}` ({}): {}",
                network.model,
                exam.result()
            ));
            if let Some(warning) = exam.warning() {
                observer.says(&warning);
            }
            if !teacher.is_online() {
                self.teacher_metrics.insert(name.clone(), exam.metrics);
            }
        }
        Ok(())
    }

    /// The weights of the best epoch, and the teachers, on test images that nobody has looked at before. `None` where the test images
    /// chose the best epoch, and where there are none.
    pub(super) fn final_test(&self) -> Result<Option<FinalTest>, EngineError> {
        let data = &self.spec.data;
        let (Some(_), Some(test)) = (&data.validation, &data.test) else {
            return Ok(None);
        };
        let last = self.rows.last();
        let known = last.filter(|row| self.best.as_ref().is_some_and(|best| best.epoch == row.epoch));
        let best = match known.and_then(|row| row.test.clone()) {
            Some(metrics) => metrics,
            None if self.best_is_lost => Metrics::new(),
            None => self.measure_weights(&self.best_student()?, test)?,
        };
        Ok(Some(FinalTest {
            best,
            teachers: self.measure_teachers(test, |_| true)?,
        }))
    }

    /// The student with the weights of the best epoch; as it is now where they were not kept.
    fn best_student(&self) -> Result<Model, EngineError> {
        if let Some(kept) = &self.best_in_memory {
            return Ok(kept.clone());
        }
        let mut student = self.learner.student.clone();
        if let (Some(folder), Some(best)) = (self.folder(), &self.best) {
            let path = folder.best();
            let (_, mut tensors) = Checkpoint::of_epoch(&path, best.epoch)?;
            let mut restorer = TensorRestorer::new(&mut tensors);
            restorer.fill("student", student.parameters_mut());
            restorer.done(&path)?;
        }
        Ok(student)
    }

    fn measure_student(&self, images: &Arc<dyn Dataset>) -> Result<Metrics, EngineError> {
        self.measure_weights(&self.learner.student, images)
    }

    fn measure_weights(&self, student: &Model, images: &Arc<dyn Dataset>) -> Result<Metrics, EngineError> {
        let input: &NetworkInput = &self.learner.student_input;
        self.spec.measure(&FrozenModel::from(student), input, images)
    }
}
