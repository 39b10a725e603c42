//! The map that a network's embedding is made from.

use potstill_ops::Point;

use crate::{MethodError, PlanContext, plan_context::points_named};

/// The student's last map as it goes into pooling: what the option `student_point` names, or else what its classifier reads, or the last map that
/// it knows.
///
/// # Errors
/// A name of no point; a student that knows no stages.
pub(crate) fn last_map(
    method: &'static str,
    context: &PlanContext,
    named: Option<&String>,
) -> Result<Point, MethodError> {
    let named: Vec<String> = named.cloned().into_iter().collect();
    let usual = || {
        let head = context.student.linear_head().map(|head| head.map);
        let known = || {
            context
                .student
                .last_stage
                .as_ref()
                .map(|stage| stage.last_map.clone())
        };
        head.or_else(known)
    };
    let named = points_named(&named, method)?.into_iter().next();
    named.or_else(usual).ok_or(MethodError::NoStages {
        method,
        network: "student",
        option: "student_point",
    })
}
