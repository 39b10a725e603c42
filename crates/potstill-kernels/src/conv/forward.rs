//! Forward convolution with what follows it.

use super::epilogue_args::{EpilogueArgs, padded};
use super::panels::Direction;
use super::patches;
use super::plain::{PlainWeights, run_plain};
use super::shape::ConvShape;
use crate::error::expect_length;
use crate::norm::Moments;
use crate::{Activation, KernelError, Output, Pool};

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
    out: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(|shape| {
        [
            ("x", shape.input_len(), x.len()),
            ("weight", shape.weight_len(), weight.len()),
        ]
    })?;
    let len = shape.output_len();
    let channels = shape.c_out;
    if shape.is_patches() {
        match epilogue {
            Epilogue::None => return patches::forward(shape, x, weight, None, out, pool),
            Epilogue::Bias(bias) => return patches::forward(shape, x, weight, Some(bias), out, pool),
            _ => {}
        }
    }
    let mut ending = EpilogueArgs::default();
    let mut weight_scale = None;
    let groups = if shape.is_depthwise() { 1 } else { shape.groups };
    match epilogue {
        Epilogue::None => {}
        Epilogue::Bias(bias) => {
            expect_length("bias", channels, bias.len())?;
            ending.shift = Some(padded(bias, groups));
        }
        Epilogue::Statistics(moments) => {
            moments.reset(channels, len / channels);
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
            residual.map_or(Ok(()), |r| expect_length("residual", len, r.len()))?;
            weight_scale = Some(scale);
            ending.shift = Some(padded(shift, groups));
            ending.residual = residual;
            ending.activation = activation;
        }
    }
    let target = out.room("out", len)?;
    if shape.is_empty() {
        return Ok(());
    }
    let weights = PlainWeights {
        values: weight,
        scale: weight_scale,
    };
    // SAFETY: the lengths were checked against the shape; the pass writes all of the target.
    unsafe {
        run_plain(
            shape,
            (Direction::Forward, false),
            weights,
            x,
            target,
            ending,
            pool,
        );
        out.written(len);
    }
    Ok(())
}
