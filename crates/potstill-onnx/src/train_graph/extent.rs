//! Whether the steps of a network are the same for images of any size.

use std::collections::HashSet;

use super::plan::{Op, Step};

/// Whether the steps were made for one size of images: something after the images and before they are averaged states sizes.
pub(super) fn is_bound(steps: &[Step]) -> bool {
    let mut of_images = HashSet::from([0]);
    for step in steps {
        let is_of_images = step.inputs.iter().any(|value| of_images.contains(value));
        if states_a_size(&step.op, is_of_images) {
            return true;
        }
        let averages = match &step.op {
            Op::GlobalMean => true,
            Op::Reduce(_, axes) => axes.contains(&1) && axes.contains(&2),
            _ => false,
        };
        if is_of_images && !averages {
            of_images.insert(step.output);
        }
    }
    false
}

fn states_a_size(op: &Op, is_of_images: bool) -> bool {
    match op {
        Op::Reshape(_)
        | Op::Expand(_)
        | Op::Select(..)
        | Op::Nearest(_)
        | Op::Bilinear(_)
        | Op::Pad(..)
        | Op::MatMul => is_of_images,
        Op::Slice { axis, .. } => is_of_images && *axis != 3,
        Op::Constant { shape, .. } => shape.len() == 4 && shape[1] * shape[2] > 1,
        _ => false,
    }
}
