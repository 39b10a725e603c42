//! The parts of a run: everything that has tensors, under its name in a checkpoint.

use std::collections::BTreeSet;

use potstill_methods::{OptimizerGroup, Part, PlannedMethod};
use potstill_ops::Parameters;

use super::{learner::Learner, teacher::TeacherNetwork};
use crate::plan::phases::Phase;

/// Which optimiser of a run moves a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OptimizerKey {
    Student,
    /// That of the teacher with this index.
    Teacher(usize),
    /// That of the round that an augmentation learns in.
    Search,
}

/// A part of a run.
pub(crate) struct RunPart<M> {
    /// The first part of its tensors' names in a checkpoint.
    pub name: String,
    /// What a phase calls it: `student`, the name of a teacher, or of the entry that it belongs to.
    pub owner: String,
    /// `None` for a part that is only saved.
    pub optimizer: Option<OptimizerKey>,
    pub module: M,
}

impl<M> RunPart<M> {
    /// A network.
    fn network(name: &str, optimizer: OptimizerKey, module: M) -> Self {
        Self {
            name: name.into(),
            owner: name.into(),
            optimizer: Some(optimizer),
            module,
        }
    }

    /// A part of a method, whose teacher is the one with this index.
    fn of_method(id: &str, teacher: usize, part: Part<M>) -> Self {
        Self {
            name: part.full_name(id),
            owner: id.into(),
            optimizer: part.group.map(|group| match group {
                OptimizerGroup::Student => OptimizerKey::Student,
                OptimizerGroup::Teacher => OptimizerKey::Teacher(teacher),
                OptimizerGroup::Search => OptimizerKey::Search,
            }),
            module: part.module,
        }
    }

    /// The optimiser that moves it in a phase of the student's epochs.
    pub fn trains_in(&self, phase: &Phase) -> Option<OptimizerKey> {
        self.optimizer
            .filter(|key| *key != OptimizerKey::Search && phase.trains(&self.owner))
    }
}

const STUDENT: &str = "student";

impl Learner {
    /// A name that two tensors of a checkpoint would have, and whose the second is; `None` if they can all be told apart.
    pub fn shared_name(&self) -> Option<(String, String)> {
        let mut names = BTreeSet::new();
        let parts = self.parts();
        let mut all = parts.iter().flat_map(|part| {
            let entries = part.module.entries().into_iter();
            entries.map(|entry| (part.owner.clone(), format!("{}/{}", part.name, entry.path)))
        });
        all.find(|(_, name)| !names.insert(name.clone()))
    }

    /// Every part: the student, the teachers that train, and what the methods bring.
    pub fn parts(&self) -> Vec<RunPart<&dyn Parameters>> {
        let student = self.student.parameters();
        let mut parts = vec![RunPart::network(STUDENT, OptimizerKey::Student, student)];
        for (index, teacher) in self.teachers.iter().enumerate() {
            if let TeacherNetwork::Online(network) = &teacher.network {
                let key = OptimizerKey::Teacher(index);
                parts.push(RunPart::network(&teacher.name, key, network.parameters()));
            }
        }
        for planned in &self.methods {
            let (id, teacher) = (&planned.id, index_of_teacher(planned));
            let own = planned.method.parts().into_iter();
            parts.extend(own.map(|part| RunPart::of_method(id, teacher, part)));
        }
        parts
    }

    /// The same parts in the same order, to be changed.
    pub fn parts_mut(&mut self) -> Vec<RunPart<&mut dyn Parameters>> {
        let student = self.student.parameters_mut();
        let mut parts = vec![RunPart::network(STUDENT, OptimizerKey::Student, student)];
        for (index, teacher) in self.teachers.iter_mut().enumerate() {
            if let TeacherNetwork::Online(network) = &mut teacher.network {
                let key = OptimizerKey::Teacher(index);
                parts.push(RunPart::network(&teacher.name, key, network.parameters_mut()));
            }
        }
        for planned in &mut self.methods {
            let teacher = index_of_teacher(planned);
            let (id, own) = (&planned.id, planned.method.parts_mut().into_iter());
            parts.extend(own.map(|part| RunPart::of_method(id, teacher, part)));
        }
        parts
    }
}

/// The teacher by whose optimiser the parts beside it move: a method that has such parts has one teacher.
fn index_of_teacher(planned: &PlannedMethod) -> usize {
    planned.teachers.first().map_or(0, |teacher| teacher.index)
}
