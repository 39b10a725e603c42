//! The gradient of a convolution's input.

use super::epilogue_args::EpilogueArgs;
use super::panels::Direction;
use super::patches;
use super::plain::{PlainWeights, run_plain};
use super::shape::ConvShape;
use crate::error::expect_length;
use crate::{KernelError, Output, Pool};

/// From `dy: [n, oh, ow, c_out]`, the gradient `dx: [n, h, w, c_in]`.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_backward_data(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    check(shape, dy, weight)?;
    let len = shape.input_len();
    let target = dx.room("dx", len)?;
    // SAFETY: the lengths were checked against the shape; without accumulation all of the target is written.
    unsafe {
        if shape.is_patches() {
            patches::backward_data(shape, dy, weight, target, pool)?;
        } else {
            run(shape, dy, weight, target, false, pool);
        }
        dx.written(len);
    }
    Ok(())
}

/// As [`conv_backward_data`], added to what `dx` holds: the gradient that came through a shortcut.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_backward_data_add(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    check(shape, dy, weight)?;
    expect_length("dx", shape.input_len(), dx.len())?;
    // SAFETY: the lengths were checked against the shape.
    unsafe { run(shape, dy, weight, dx.as_mut_ptr(), true, pool) };
    Ok(())
}

fn check(shape: &ConvShape, dy: &[f32], weight: &[f32]) -> Result<(), KernelError> {
    shape.check(|shape| {
        [
            ("dy", shape.output_len(), dy.len()),
            ("weight", shape.weight_len(), weight.len()),
        ]
    })
}

/// # Safety
/// All lengths are those of the shape; to accumulate, `dx` has been written before.
unsafe fn run(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: *mut f32, accumulate: bool, pool: &Pool) {
    if shape.input_len() == 0 {
        return;
    }
    let weights = PlainWeights {
        values: weight,
        scale: None,
    };
    let how = (Direction::BackwardData, accumulate);
    // SAFETY: as the caller promises.
    unsafe { run_plain(shape, how, weights, dy, dx, EpilogueArgs::default(), pool) };
}
