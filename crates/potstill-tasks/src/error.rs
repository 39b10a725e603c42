//! What can be wrong between a task, its data and its networks.

use potstill_data::{DataError, TargetKind};
use potstill_models::OutputError;

/// Outputs or targets that a task cannot work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Outputs of another kind.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Images with targets of another kind, or that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A class that the task does not know.
    #[error("an image has class {class} where there are {classes} classes")]
    Class {
        /// The class.
        class: u32,
        /// How many there are.
        classes: usize,
    },
    /// Rows of logits that do not stand beside each other.
    #[error(
        "the student gives {} rows of {} scores and the teacher {} of {}, which cannot be compared one by one",
        student[0], student[1], teacher[0], teacher[1]
    )]
    Rows {
        /// Rows and scores of the student.
        student: [usize; 2],
        /// Of the teacher.
        teacher: [usize; 2],
    },
    /// Tensors of targets of another kind.
    #[error("{wanted} of each image is needed here, and the task gives {found}")]
    Targets {
        /// The kind that was asked for.
        wanted: TargetKind,
        /// The kind that is there.
        found: TargetKind,
    },
    /// A teacher whose scores are not those of regions.
    #[error(
        "the student tells the class of regions, and a teacher does not: distil its maps, or take a two-stage teacher"
    )]
    Regions,
    /// A teacher whose scores are not those of the same places.
    #[error(
        "the student tells the classes of places, and a teacher does not tell them of the same: distil its maps, or take a teacher of \
         the same kind"
    )]
    Places,
    /// A detector whose losses point one way only.
    #[error(
        "the losses of this kind of detector cannot be inverted: take RetinaNet, FCOS or a two-stage detector"
    )]
    NotInverted,
}
