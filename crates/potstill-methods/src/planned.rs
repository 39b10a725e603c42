//! A method in its place in a run.

use potstill_ops::Parameters;

use crate::{Method, Part, Reads, StudentEpoch, WeightCurve};

/// An entry of `[[methods]]`, planned.
pub struct PlannedMethod {
    /// Its name, unique in the run: logs, checkpoints, phases and random streams call it so.
    pub id: String,
    /// The name of its kind: what the registry calls it, or the id of a method that a program made.
    pub kind: String,
    /// The weight of its loss.
    pub weight: WeightCurve,
    /// The teachers that it learns from: none, one, or several whose mean it is.
    pub teachers: Vec<TeacherRef>,
    /// The method.
    pub method: Box<dyn Method>,
}

/// A teacher of a run, as an entry refers to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TeacherRef {
    /// Its index among the teachers of the run.
    pub index: usize,
    /// Its weight in the mean.
    pub weight: f64,
}

/// Nobody waits for more epochs, and a plan of any number has to answer at once.
const LOOKED_AT: usize = 100_000;

impl PlannedMethod {
    /// Whether the teacher with this index is one of its own.
    pub fn learns_from(&self, teacher: usize) -> bool {
        self.teachers.iter().any(|own| own.index == teacher)
    }

    /// Everything that it reads in a training of so many epochs of the student, of which the first hundred thousand are looked at.
    pub fn all_reads(&self, epochs: usize) -> Reads {
        let mut all = Reads::default();
        for epoch in 0..epochs.min(LOOKED_AT) {
            let Reads { student, teacher } = self.method.reads(StudentEpoch(epoch));
            for (known, points) in [(&mut all.student, student), (&mut all.teacher, teacher)] {
                let new: Vec<_> = points
                    .into_iter()
                    .filter(|point| !known.contains(point))
                    .collect();
                known.extend(new);
            }
        }
        all
    }

    /// The parts that learn by gradients.
    pub fn trained_parts(&self) -> impl Iterator<Item = Part<&dyn Parameters>> {
        self.method
            .parts()
            .into_iter()
            .filter(|part| part.group.is_some())
    }
}
