//! What trains, and what it trains on.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use burn::tensor::Device;
use potstill_methods::{Event, LearnedAugmentation, MethodError, PlannedMethod, StudentEpoch, TeacherOutput};
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

    /// What the teacher of an entry did, given what all teachers did; `None` without a teacher.
    pub fn teacher_output<'a>(
        &self,
        planned: &PlannedMethod,
        teachers: &'a [TeacherOutput],
    ) -> Result<Option<Cow<'a, TeacherOutput>>, StepError> {
        Ok(match &planned.teachers[..] {
            [] => None,
            [one] => Some(Cow::Borrowed(&teachers[one.index])),
            several => {
                let members = several.iter().map(|one| (one.weight, &teachers[one.index]));
                let members: Vec<_> = members.collect();
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

    /// Tells every method that an epoch of the student has ended.
    pub fn end_epoch(&mut self, epoch: StudentEpoch) -> Result<(), EngineError> {
        let student = &self.student;
        for planned in &mut self.methods {
            let event = Event::EpochEnd { epoch, student };
            let heard = planned.method.on_event(&event);
            heard.map_err(EngineError::of_entry(&planned.id))?;
        }
        Ok(())
    }

    /// Tells the entry with this index something about its rounds.
    pub fn notify(&mut self, method: usize, event: &Event<'_>) -> Result<(), EngineError> {
        let planned = &mut self.methods[method];
        let heard = planned.method.on_event(event);
        heard.map_err(EngineError::of_entry(&planned.id))
    }

    /// Makes the methods ready for steps whose cost is measured: nothing is prepared, and every method has heard of `epochs` epochs of
    /// the student as it is.
    pub fn init_placeholders(&mut self, epochs: usize) -> Result<(), EngineError> {
        let mut dry_run = DryRun(self.plain_device());
        for planned in &mut self.methods {
            planned.method.prepare(&mut dry_run)?;
        }
        (0..epochs).try_for_each(|epoch| self.end_epoch(StudentEpoch(epoch)))
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
