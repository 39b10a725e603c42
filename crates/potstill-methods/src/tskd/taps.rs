//! Which maps are reviewed.
//!
//! Of classifiers and segmenters the stem and the first stages, as the authors' program takes the first three of a network's features. Of a
//! detector three levels of its pyramid.

use potstill_models::StageEnd;
use potstill_ops::Point;

use super::{
    Tskd,
    options::{Options, TeacherTap},
};
use crate::{
    MethodError, NetworkInfo, PlanContext, Reads,
    levels::{Named, OneSide, is_pyramid, named_or_three},
};

/// Stages that are read behind the stem: not the deepest, in a network of three.
const STAGES: usize = 2;

/// The points that are read: by name, or the usual ones.
///
/// # Errors
/// Points that are not there or do not pair up, pyramids without a common level, a teacher that knows no stages.
pub(super) fn taps(
    options: &Options,
    context: &PlanContext,
    teacher: &NetworkInfo,
) -> Result<Reads, MethodError> {
    let usual_tap = if is_pyramid(context.task) {
        TeacherTap::Post
    } else {
        TeacherTap::Pre
    };
    let tap = options.teacher_tap.unwrap_or(usual_tap);
    let named = Named {
        student: &options.student_points,
        teacher: &options.teacher_points,
    };
    let teacher_side = (teacher, tap.side());
    let reads = named_or_three(Tskd::NAME, context, teacher_side, named, |one| {
        Ok(usual(context, one))
    })?;
    check(&reads, teacher)?;
    Ok(reads)
}

/// Whether there are as many points of one network as of the other, and the teacher has its own.
fn check(reads: &Reads, teacher: &NetworkInfo) -> Result<(), MethodError> {
    if reads.teacher.is_empty() {
        return Err(MethodError::NoStages {
            method: Tskd::NAME,
            network: "teacher",
            option: "teacher_points",
        });
    }
    if reads.student.len() != reads.teacher.len() {
        return Err(MethodError::Unpaired {
            method: Tskd::NAME,
            student: reads.student.len(),
            teacher: reads.teacher.len(),
        });
    }
    for point in &reads.teacher {
        teacher.size(point, Tskd::NAME, "teacher")?;
    }
    Ok(())
}

impl TeacherTap {
    fn side(self) -> fn(&StageEnd) -> &Point {
        match self {
            Self::Pre => |end| &end.pre,
            Self::Post => |end| &end.post,
        }
    }
}

/// What is read of a network without a pyramid: the stem, after its activation, and the first stages. Nothing of a detector that knows no
/// levels, whose points are to be named.
fn usual(context: &PlanContext, one: OneSide<'_>) -> Vec<Point> {
    if is_pyramid(context.task) {
        return Vec::new();
    }
    let ends = one.info.stage_ends.iter().take(STAGES);
    let ends = ends.map(one.side).cloned();
    one.info.stem.iter().cloned().chain(ends).collect()
}
