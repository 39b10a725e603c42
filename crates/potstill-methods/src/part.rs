//! The tensors of a method, part by part.

/// Which optimiser moves a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimizerGroup {
    /// The student's.
    Student,
    /// That of the method's teacher.
    Teacher,
    /// That of the method's augmentation, in its rounds.
    Search,
}

/// A module that belongs to a method. Checkpoints, clipping, phases and running statistics know it without knowing the method.
#[derive(Debug, Clone)]
pub struct Part<M> {
    /// What it is called within the method; empty for the one that is called as the entry itself. Unique within the method.
    pub name: String,
    /// Which optimiser moves it; `None` for a part that is only saved.
    pub group: Option<OptimizerGroup>,
    /// The module.
    pub module: M,
}

impl<M> Part<M> {
    /// The modules that train beside the student.
    pub fn beside_student(module: M) -> Self {
        Self::new("", OptimizerGroup::Student, module)
    }

    /// The modules that train beside the teacher, by its optimiser.
    pub fn beside_teacher(module: M) -> Self {
        Self::new("teacher", OptimizerGroup::Teacher, module)
    }

    /// What an augmentation learns.
    pub fn augmentation(module: M) -> Self {
        Self::new("augmentation", OptimizerGroup::Search, module)
    }

    /// A part that no optimiser moves.
    pub fn memory(name: impl Into<String>, module: M) -> Self {
        Self::new(name, None, module)
    }

    /// Any part.
    pub fn new(name: impl Into<String>, group: impl Into<Option<OptimizerGroup>>, module: M) -> Self {
        Self {
            name: name.into(),
            group: group.into(),
            module,
        }
    }

    /// Its name in a checkpoint, in the entry `id`: `ekd`, `ekd.teacher`.
    pub fn full_name(&self, id: &str) -> String {
        match self.name.as_str() {
            "" => id.to_owned(),
            own => format!("{id}.{own}"),
        }
    }
}
