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
    levels::{is_pyramid, three_common_levels, three_levels},
    plan_context::points_named,
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
    let (named, taught) = (&options.student_points, &options.teacher_points);
    let usual_tap = if is_pyramid(context.task) {
        TeacherTap::Post
    } else {
        TeacherTap::Pre
    };
    let tap = options.teacher_tap.unwrap_or(usual_tap);
    let levels = if named.is_empty() && taught.is_empty() {
        three_common_levels(Tskd::NAME, context, teacher, tap.side())?
    } else {
        None
    };
    let reads = match levels {
        Some(levels) => levels,
        None => Reads {
            student: match &named[..] {
                [] => usual(context, &context.student, (TeacherTap::Post, "student"))?,
                names => points_named(names, Tskd::NAME)?,
            },
            teacher: match &taught[..] {
                [] => usual(context, teacher, (tap, "teacher"))?,
                names => points_named(names, Tskd::NAME)?,
            },
        },
    };
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

/// What is read of one network, whatever the other has: three levels, or the stem, after its activation, and the first stages.
fn usual(
    context: &PlanContext,
    info: &NetworkInfo,
    (tap, network): (TeacherTap, &'static str),
) -> Result<Vec<Point>, MethodError> {
    if is_pyramid(context.task) {
        return three_levels(Tskd::NAME, context.image, (info, network), tap.side());
    }
    let ends = info.stage_ends.iter().take(STAGES);
    let ends = ends.map(|end| tap.side()(end).clone());
    Ok(info.stem.iter().cloned().chain(ends).collect())
}
