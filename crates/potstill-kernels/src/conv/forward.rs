//! Forward convolution with what follows it.

use super::depthwise;
use super::panels::{Direction, Panels};
use super::pass::{Ending, Pass, Weights, padded};
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::error::expect_length;
use crate::isa::Isa;
use crate::norm::Moments;
use crate::scratch::Scratch;
use crate::{Activation, KernelError, Pool};

/// What is done to the output while it is in registers.
#[derive(Debug, Default)]
pub enum Epilogue<'a> {
    /// Nothing.
    #[default]
    None,
    /// Adds one value per output channel.
    Bias(&'a [f32]),
    /// Sums the output and its squares per channel, for batch norm. Replaces what the moments held.
    Statistics(&'a mut Moments),
    /// `activation(scale * conv + shift + residual)`: a folded batch norm, the shortcut, and the activation.
    Affine {
        /// One factor per output channel; goes into the weights.
        scale: &'a [f32],
        /// One summand per output channel.
        shift: &'a [f32],
        /// Laid out like the output.
        residual: Option<&'a [f32]>,
        /// Applied last.
        activation: Activation,
    },
}

/// Convolves `x: [n, h, w, c_in]` with `weight: [c_out, c_in / groups, kh, kw]` into `out: [n, oh, ow, c_out]`.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check([("x", x.len()), ("weight", weight.len()), ("out", out.len())])?;
    let channels = shape.c_out;
    let mut ending = Ending::default();
    let mut weight_scale = None;
    let groups = if shape.is_depthwise() { 1 } else { shape.groups };
    match epilogue {
        Epilogue::None => {}
        Epilogue::Bias(bias) => {
            expect_length("bias", channels, bias.len())?;
            ending.shift = Some(padded(bias, groups));
        }
        Epilogue::Statistics(moments) => {
            moments.reset(channels, out.len() / channels);
            ending.moments = Some(moments);
        }
        Epilogue::Affine {
            scale,
            shift,
            residual,
            activation,
        } => {
            expect_length("scale", channels, scale.len())?;
            expect_length("shift", channels, shift.len())?;
            residual.map_or(Ok(()), |r| expect_length("residual", out.len(), r.len()))?;
            weight_scale = Some(scale);
            ending.shift = Some(padded(shift, groups));
            ending.residual = residual;
            ending.activation = activation;
        }
    }
    if shape.is_empty() {
        return Ok(());
    }
    let isa = Isa::current();
    let shape = shape.flattened();
    let stencil = Stencil::forward(&shape);
    if shape.is_depthwise() {
        let stencil = Stencil { groups: 1, ..stencil };
        let lines = depthwise::pack(&shape, weight, weight_scale);
        let area = shape.kernel[0] * shape.kernel[1];
        let weights = Weights::Depthwise { area, lines: &lines };
        Pass {
            isa,
            stencil: &stencil,
            weights,
            accumulate: false,
        }
        .run(x, out, ending, pool);
    } else {
        let panels = Panels::new(&shape, &stencil, Direction::Forward, isa.vectors());
        let mut lines = Scratch::take(panels.lines());
        panels.pack(weight, weight_scale, &mut lines, pool);
        let weights = Weights::Dense {
            panels: &panels,
            lines: &lines,
        };
        Pass {
            isa,
            stencil: &stencil,
            weights,
            accumulate: false,
        }
        .run(x, out, ending, pool);
    }
    Ok(())
}
