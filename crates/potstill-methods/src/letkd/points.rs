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
    levels::{is_dense, is_pyramid, three_common_levels, three_levels},
    plan_context::points_named,
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
    let [named, taught] = [&options.student_points, &options.teacher_points];
    if named.is_empty()
        && taught.is_empty()
        && let Some(levels) = three_common_levels(LetKd::NAME, context, teacher, |end| &end.post)?
    {
        return Ok([middle(levels.student), middle(levels.teacher)]);
    }
    let sides = [
        (named, &context.student, "student", "student_points"),
        (taught, teacher, "teacher", "teacher_points"),
    ];
    let [student, teacher] = sides.map(|(named, info, network, option)| match &named[..] {
        [] => usual(context, (info, network), option, variant),
        names => points_named(names, LetKd::NAME),
    });
    Ok([student?, teacher?])
}

/// The middle one.
fn middle(mut points: Vec<Point>) -> Vec<Point> {
    let at = points.len() / 2;
    points.drain(at..).take(1).collect()
}

fn usual(
    context: &PlanContext,
    (info, network): (&NetworkInfo, &'static str),
    option: &'static str,
    variant: usize,
) -> Result<Vec<Point>, MethodError> {
    if is_pyramid(context.task) && !info.stage_ends.is_empty() {
        let levels = three_levels(LetKd::NAME, context.image, (info, network), |end| &end.post)?;
        return Ok(middle(levels));
    }
    let Some(LastStage {
        first_block,
        last_map,
    }) = info.last_stage.clone()
    else {
        return Err(MethodError::NoStages {
            method: LetKd::NAME,
            network,
            option,
        });
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
