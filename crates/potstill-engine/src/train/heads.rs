//! The last classifiers of a step, for the methods that read them.

use potstill_methods::HeadUse;
use potstill_models::LinearHead;

use super::{
    learner::Learner,
    teacher::{LiveTeacher, TeacherNetwork},
};

impl Learner {
    /// The student's classifier as it is now, tracked; `None` if no method reads it.
    pub(super) fn student_head(&self) -> Option<LinearHead> {
        let mut methods = self.methods.iter();
        let is_read = methods.any(|planned| planned.method.info().heads == HeadUse::Both);
        is_read.then(|| self.student.linear_head()).flatten()
    }

    /// The classifier of the teacher with this index as it is now; `None` if no method reads it.
    pub(super) fn teacher_head(&self, index: usize) -> Option<LinearHead> {
        let mut own = self.methods.iter().filter(|planned| planned.learns_from(index));
        let is_read = own.any(|planned| planned.method.info().heads != HeadUse::None);
        is_read.then(|| self.teachers[index].linear_head()).flatten()
    }
}

impl LiveTeacher {
    /// The classifier as it is now. That of a file is read once.
    fn linear_head(&self) -> Option<LinearHead> {
        match &self.network {
            TeacherNetwork::Frozen(network) => self.head.get_or_init(|| network.linear_head()).clone(),
            TeacherNetwork::Online(network) => network.linear_head(),
        }
    }
}
