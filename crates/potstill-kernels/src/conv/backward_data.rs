//! The gradient of a convolution's input.

use super::depthwise;
use super::panels::{Direction, Panels};
use super::pass::{Ending, Pass, Weights};
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::isa::Isa;
use crate::scratch::Scratch;
use crate::{KernelError, Pool};

/// From `dy: [n, oh, ow, c_out]`, the gradient `dx: [n, h, w, c_in]`; with `accumulate` it is added to what `dx` holds (the
/// gradient that came through a shortcut).
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_backward_data(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
    accumulate: bool,
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check([("dx", dx.len()), ("weight", weight.len()), ("dy", dy.len())])?;
    if shape.is_empty() {
        return Ok(());
    }
    let isa = Isa::current();
    let shape = shape.flattened();
    let stencil = Stencil::backward_data(&shape);
    if shape.is_depthwise() {
        let stencil = Stencil { groups: 1, ..stencil };
        let lines = depthwise::pack(&shape, weight, None);
        let area = shape.kernel[0] * shape.kernel[1];
        let weights = Weights::Depthwise { area, lines: &lines };
        Pass {
            isa,
            stencil: &stencil,
            weights,
            accumulate,
        }
        .run(dy, dx, Ending::default(), pool);
    } else {
        let panels = Panels::new(&shape, &stencil, Direction::BackwardData, isa.vectors());
        let mut lines = Scratch::take(panels.lines());
        panels.pack(weight, None, &mut lines, pool);
        let weights = Weights::Dense {
            panels: &panels,
            lines: &lines,
        };
        Pass {
            isa,
            stencil: &stencil,
            weights,
            accumulate,
        }
        .run(dy, dx, Ending::default(), pool);
    }
    Ok(())
}
