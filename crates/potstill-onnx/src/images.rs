//! Whether a file takes images, and of which shape.

use std::path::Path;

use crate::{OnnxError, graph::Input};

/// The shape `[N, C, H, W]` of the images that a file takes, an open dimension as none.
///
/// # Errors
/// Several inputs, one that is no batch of floating-point images, one whose channels come last.
pub(crate) fn takes_images(file: &Path, inputs: &[Input]) -> Result<[Option<usize>; 4], OnnxError> {
    let refused = |reason: String| OnnxError::NoImages {
        file: file.into(),
        reason,
    };
    let [input] = inputs else {
        let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
        let reason = format!("it has {} inputs ({}), not one", names.len(), names.join(", "));
        return Err(refused(reason));
    };
    let name = &input.name;
    if !input.floats {
        return Err(refused(format!("its input `{name}` is not of 32-bit floats")));
    }
    let Some(shape) = &input.shape else {
        return Ok([None; 4]);
    };
    let shape: [Option<usize>; 4] = shape.as_slice().try_into().map_err(|_| {
        let dimensions = shape.len();
        refused(format!(
            "its input `{name}` has {dimensions} dimensions, not the four of images [N, C, H, W]"
        ))
    })?;
    let of_channels = |size: Option<usize>| matches!(size, Some(1 | 3));
    if of_channels(shape[3]) && !of_channels(shape[1]) {
        let reason =
            format!("the channels of its input `{name}` come last; export it for images [N, C, H, W]");
        return Err(refused(reason));
    }
    Ok(shape)
}

/// The shape `[N, C, H, W]` of images in words.
pub(crate) fn pictured(shape: &[usize]) -> String {
    match shape {
        [_, c, h, w] => format!("{h}x{w} with {c} channels"),
        other => format!("shape {other:?}"),
    }
}
