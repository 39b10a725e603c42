//! The gradient of a convolution's input.

use super::depthwise;
use super::ending::Ending;
use super::pack::Numbers;
use super::panels::{Direction, Panels};
use super::pass::{Pass, Weights};
use super::shape::ConvShape;
use super::stencil::Stencil;
use super::winograd::{self, Winograd};
use crate::error::expect_length;
use crate::isa::Isa;
use crate::scratch::Scratch;
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
        run(shape, dy, weight, target, false, pool);
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
    let isa = Isa::current();
    let shape = shape.flattened();
    let mut stencil = Stencil::backward_data(&shape, isa.columns());
    let panels = Panels::new(&shape, &stencil, Direction::BackwardData, isa.vectors());
    if !accumulate && winograd::suits(&shape, isa) {
        let pass = Winograd {
            isa,
            stencil: &stencil,
            panels: &panels,
            weights: &winograd::pack_weights(isa, &panels, weight, None, pool),
        };
        // SAFETY: as the caller promises.
        unsafe { pass.run(dy, dx, Ending::default(), pool) };
        return;
    }
    let lines = if shape.is_depthwise() {
        stencil.groups = 1;
        depthwise::pack(&shape, weight, None)
    } else {
        let mut lines = Scratch::take(panels.lines());
        panels.pack(weight, None, &mut lines, pool);
        lines
    };
    let pass = Pass {
        isa,
        stencil: &stencil,
        weights: Weights::new(&shape, &panels, &lines),
        numbers: Numbers::Single,
        accumulate,
    };
    // SAFETY: as the caller promises.
    unsafe { pass.run(dy, dx, Ending::default(), pool) };
}
