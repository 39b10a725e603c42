//! What trains, and what it trains on.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use burn::tensor::Device;
use potstill_methods::{
    Event, LearnedAugmentation, MethodError, Moment, PlannedMethod, StudentEpoch, TeacherOutput, TeacherRef,
};
use potstill_models::Model;
use potstill_random::Seed;
use potstill_tasks::Task;
use serde_json::Value;

use super::{dry_run::DryRun, error::StepError, teacher::LiveTeacher};
use crate::{error::EngineError, network_input::NetworkInput};

/// The networks, the methods and the weights of their losses.
pub(crate) struct Learner {
    pub device: Device,
    pub seed: Seed,
    pub student: Model,
    pub student_input: NetworkInput,
    /// None for the student alone.
    pub teachers: Vec<LiveTeacher>,
    pub methods: Vec<PlannedMethod>,
    pub task_weight: f64,
    pub task: Arc<dyn Task>,
    pub clip_norm: Option<f64>,
}

impl Learner {
    /// The device without a graph.
    pub fn plain_device(&self) -> Device {
        self.device.clone().inner()
    }

    /// What the teacher of an entry did, given what all teachers did; `None` without a teacher, and where one of its teachers did nothing.
    pub fn teacher_output<'a>(
        &self,
        planned: &PlannedMethod,
        teachers: &'a [Option<TeacherOutput>],
    ) -> Result<Option<Cow<'a, TeacherOutput>>, StepError> {
        Ok(match &planned.teachers[..] {
            [] => None,
            [one] => teachers[one.index].as_ref().map(Cow::Borrowed),
            several => {
                let member = |one: &TeacherRef| Some((one.weight, teachers[one.index].as_ref()?));
                let Some(members) = several.iter().map(member).collect::<Option<Vec<_>>>() else {
                    return Ok(None);
                };
                let mean = TeacherOutput::mean(&members, self.task.probabilities());
                mean.map_err(StepError::of(&planned.id))?.map(Cow::Owned)
            }
        })
    }

    /// The teacher of an entry; `None` without one.
    pub fn teacher_of(&self, planned: &PlannedMethod) -> Option<&LiveTeacher> {
        planned
            .teachers
            .first()
            .map(|teacher| &self.teachers[teacher.index])
    }

    /// Whether a teacher trains beside the student.
    pub fn has_online_teacher(&self) -> bool {
        self.teachers.iter().any(LiveTeacher::is_online)
    }

    /// The augmentation of the entry with this index, which has rounds.
    pub fn augmentation(&self, method: usize) -> Result<&dyn LearnedAugmentation, EngineError> {
        let planned = &self.methods[method];
        let found = planned.method.augmentation();
        found.ok_or_else(|| EngineError::of_entry(&planned.id)(MethodError::NoAugmentation))
    }

    /// The states of the methods that have one, by entry.
    pub fn method_states(&self) -> BTreeMap<String, Value> {
        let methods = self.methods.iter();
        methods
            .map(|planned| (planned.id.clone(), planned.method.state()))
            .filter(|(_, state)| !state.is_null())
            .collect()
    }

    /// Restores the methods' states, which makes room for the tensors that belong to them.
    pub fn load_states(&mut self, mut states: BTreeMap<String, Value>) -> Result<(), String> {
        for planned in &mut self.methods {
            let id = &planned.id;
            let state = match states.remove(id) {
                Some(state) => state,
                None if planned.method.state().is_null() => continue,
                None => return Err(format!("the state of `{id}` is missing")),
            };
            let loaded = planned.method.load_state(state, &self.student);
            loaded.map_err(|error| format!("`{id}`: {error}"))?;
        }
        match states.keys().next() {
            Some(unknown) => Err(format!(
                "it holds a state of `{unknown}`, which the recipe does not list"
            )),
            None => Ok(()),
        }
    }

    /// Tells every method that a step of the student has ended.
    pub fn end_step(&mut self, at: Moment) -> Result<(), EngineError> {
        let student = &self.student;
        let mut methods = self.methods.iter_mut();
        methods.try_for_each(|planned| hear(planned, &Event::StepEnd { at, student }))
    }

    /// Tells every method that an epoch of the student has ended.
    pub fn end_epoch(&mut self, epoch: StudentEpoch) -> Result<(), EngineError> {
        let student = &self.student;
        let mut methods = self.methods.iter_mut();
        methods.try_for_each(|planned| hear(planned, &Event::EpochEnd { epoch, student }))
    }

    /// Tells the entry with this index something about its rounds.
    pub fn notify(&mut self, method: usize, event: &Event<'_>) -> Result<(), EngineError> {
        hear(&mut self.methods[method], event)
    }

    /// Makes the methods ready for steps whose cost is measured: nothing is prepared.
    pub fn init_placeholders(&mut self) -> Result<(), EngineError> {
        let mut dry_run = DryRun(self.plain_device());
        for planned in &mut self.methods {
            planned.method.prepare(&mut dry_run)?;
        }
        Ok(())
    }

    /// Lets every method hear that the student as it is has gone on from one step to another, in epochs of so many steps.
    pub fn pretend(&mut self, from: Moment, to: Moment, steps: usize) -> Result<(), EngineError> {
        let mut at = from;
        while at < to {
            self.end_step(at)?;
            at.step += 1;
            if at.step >= steps {
                self.end_epoch(at.epoch)?;
                at = Moment {
                    epoch: StudentEpoch(at.epoch.0 + 1),
                    step: 0,
                };
            }
        }
        Ok(())
    }

    /// The entries that prepare something before the first step.
    pub fn preparing(&self) -> Vec<String> {
        let preparing = self
            .methods
            .iter()
            .filter(|planned| planned.method.info().prepares);
        preparing.map(|planned| planned.id.clone()).collect()
    }

    /// What the augmentations have learned so far. A name that an earlier entry has is put behind that of its own.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let mut metrics: Vec<(String, f64)> = Vec::new();
        for planned in &self.methods {
            let own = planned.method.augmentation().map(LearnedAugmentation::metrics);
            let earlier = metrics.len();
            for (name, value) in own.unwrap_or_default() {
                let taken = metrics[..earlier].iter().any(|(known, _)| *known == name);
                let name = if taken {
                    format!("{}.{name}", planned.id)
                } else {
                    name
                };
                metrics.push((name, value));
            }
        }
        metrics
    }
}

/// Tells one method that something has happened.
fn hear(planned: &mut PlannedMethod, event: &Event<'_>) -> Result<(), EngineError> {
    let heard = planned.method.on_event(event);
    heard.map_err(EngineError::of_entry(&planned.id))
}
