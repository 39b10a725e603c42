//! The rows of two-stage detectors: the class scores of the student's regions.

use potstill_models::{Detections, RegionDetections};
use potstill_ops::{Pass, indices};

use super::sampled_regions;
use crate::{Probabilities, RowSet, Rows, TaskError, TermContext, detection::ObjectTargets};

/// The class scores of the regions that a step draws for the student, the background among the columns. Teachers look at the same regions
/// of their own pyramids, so that what they propose themselves does not matter.
pub(in crate::detection) fn rows(
    student: &RegionDetections,
    teachers: &[&Detections],
    targets: &ObjectTargets,
    context: &TermContext<'_>,
) -> Result<RowSet, TaskError> {
    let sampled = sampled_regions(student, targets, context);
    let look = |regions: &RegionDetections| {
        let mut pass = Pass::new(regions.mode);
        regions.look(&sampled.boxes, &mut pass).logits
    };
    let logits = look(student);
    let classes = indices(&sampled.columns, &logits.device());
    let theirs = |teacher: &&Detections| teacher.regions().map(look).ok_or(TaskError::Regions);
    let teachers = teachers.iter().map(theirs).collect::<Result<_, _>>()?;
    let student = Rows {
        classes: Some(classes),
        ..Rows::alike(logits, Probabilities::Softmax)
    };
    RowSet::new(student, teachers)
}
