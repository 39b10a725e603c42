//! Where the layers stand, and where the teacher is read for them.
//!
//! Behind the first block of the last stage and at its last map; of a segmenter at the map that its classifier reads; of a detector at the
//! middle one of three levels of its pyramid (our design).

use potstill_models::LastStage;
use potstill_ops::Point;

use super::{
    LetKd,
    options::Options,
    place::{Gathered, Place},
};
use crate::{
    MethodError, NetworkInfo, PlanContext,
    levels::{Named, OneSide, is_dense, is_pyramid, named_or_three},
};

/// The points of the student and of the teacher, shallow to deep: those that are named, or the usual ones.
///
/// # Errors
/// Points that name none, networks that know no stages, pyramids without a common level.
pub(super) fn points_of(
    options: &Options,
    context: &PlanContext,
    teacher: &NetworkInfo,
    variant: usize,
) -> Result<[Vec<Point>; 2], MethodError> {
    let named = Named {
        student: &options.student_points,
        teacher: &options.teacher_points,
    };
    let reads = named_or_three(LetKd::NAME, context, (teacher, |end| &end.post), named, |one| {
        usual(one, variant)
    })?;
    let of_levels = |names: &[String], points| {
        if names.is_empty() && is_pyramid(context.task) {
            middle(points)
        } else {
            points
        }
    };
    Ok([
        of_levels(named.student, reads.student),
        of_levels(named.teacher, reads.teacher),
    ])
}

/// The middle one.
fn middle(mut points: Vec<Point>) -> Vec<Point> {
    let at = points.len() / 2;
    points.drain(at..).take(1).collect()
}

/// What is read of a network without a pyramid.
fn usual(one: OneSide<'_>, variant: usize) -> Result<Vec<Point>, MethodError> {
    let Some(LastStage {
        first_block,
        last_map,
    }) = one.info.last_stage.clone()
    else {
        return Err(one.no_stages(LetKd::NAME));
    };
    Ok(if variant == 1 {
        vec![last_map]
    } else {
        vec![first_block, last_map]
    })
}

/// Where the teacher is read for a layer at this point of the student, and what is gathered there.
///
/// # Errors
/// Points that are not there; a teacher's map that cannot be averaged down to the student's.
pub(super) fn place_beside(
    context: &PlanContext,
    teacher: &NetworkInfo,
    point: &Point,
    (of_teacher, gathered): (Point, Gathered),
) -> Result<Place, MethodError> {
    let [h, w, _] = context.student.size(point, LetKd::NAME, "student")?;
    let [height, width, channels] = teacher.size(&of_teacher, LetKd::NAME, "teacher")?;
    let pooling = height.div_ceil(h.max(1)).max(1);
    let is_whole = [height, width] == [h * pooling, w * pooling];
    // Images of a dense task have several sizes, so that no map needs to be a whole multiple.
    let is_near = is_dense(context.task) && [h, w] == [height.div_ceil(pooling), width.div_ceil(pooling)];
    if !(is_whole || is_near) {
        return Err(MethodError::Sizes {
            method: LetKd::NAME,
            student: (point.to_string(), [h, w]),
            teacher: (of_teacher.to_string(), [height, width]),
        });
    }
    Ok(Place {
        point: of_teacher,
        pooling,
        channels,
        gathered,
    })
}
