//! Convolution of a network that does not train: batch norm folded in, weights packed once.

use super::depthwise;
use super::ending::{Ending, padded};
use super::panels::{Direction, Panels};
use super::pass::{Pass, Weights};
use super::shape::ConvShape;
use super::stencil::Stencil;
use super::winograd::{self, Winograd};
use crate::error::expect_length;
use crate::isa::Isa;
use crate::scratch::{Line, Scratch};
use crate::{Activation, KernelError, Output, Pool};

/// `activation(scale * conv(x) + shift + residual)` with weights in the order of the tiles.
#[derive(Debug, Clone)]
pub struct PackedConv {
    /// Batch and map sizes are those of the last call's caller to choose; the rest is fixed.
    shape: ConvShape,
    isa: Isa,
    lines: Vec<Line>,
    shift: Vec<f32>,
}

impl PackedConv {
    /// Packs `weight: [c_out, c_in / groups, kh, kw]`, times `scale`, for one layer. `n`, `h` and `w` of the shape are ignored.
    ///
    /// # Errors
    /// [`KernelError`] when the shape is impossible or a slice does not fit it.
    pub fn new(shape: &ConvShape, weight: &[f32], scale: &[f32], shift: &[f32]) -> Result<Self, KernelError> {
        // A map as large as the kernel, for the check and for the geometry of the panels.
        let reach = |d: usize| shape.dilation[d].saturating_mul(shape.kernel[d]).max(1);
        let shape = ConvShape {
            n: 1,
            h: reach(0),
            w: reach(1),
            ..*shape
        };
        shape.validate()?;
        expect_length("weight", shape.weight_len(), weight.len())?;
        expect_length("scale", shape.c_out, scale.len())?;
        expect_length("shift", shape.c_out, shift.len())?;
        let isa = Isa::current();
        if shape.is_depthwise() {
            let lines = depthwise::pack(&shape, weight, Some(scale)).to_vec();
            return Ok(Self {
                shape,
                isa,
                lines,
                shift: padded(shift, 1),
            });
        }
        let panels = Panels::new(
            &shape,
            &Stencil::forward(&shape, isa.columns()),
            Direction::Forward,
            isa.vectors(),
        );
        let lines = if winograd::suits(&shape, isa) {
            winograd::pack_weights(isa, &panels, weight, Some(scale), Pool::global())
        } else {
            let mut lines = Scratch::take(panels.lines());
            panels.pack(weight, Some(scale), &mut lines, Pool::global());
            lines
        };
        Ok(Self {
            shape,
            isa,
            lines: lines.to_vec(),
            shift: padded(shift, shape.groups),
        })
    }

    /// The shape for a batch of `n` maps of `h` by `w`.
    pub fn shape(&self, n: usize, h: usize, w: usize) -> ConvShape {
        ConvShape {
            n,
            h,
            w,
            ..self.shape
        }
    }

    /// Runs the layer on `x: [n, h, w, c_in]`; `residual` is laid out like `out: [n, oh, ow, c_out]`.
    ///
    /// # Errors
    /// [`KernelError`] when the map is too small or a slice does not fit.
    pub fn forward(
        &self,
        [n, h, w]: [usize; 3],
        x: &[f32],
        residual: Option<&[f32]>,
        activation: Activation,
        out: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        let shape = self.shape(n, h, w);
        shape.check(|shape| [("x", shape.input_len(), x.len())])?;
        let len = shape.output_len();
        residual.map_or(Ok(()), |r| expect_length("residual", len, r.len()))?;
        let target = out.room("out", len)?;
        if shape.is_empty() {
            return Ok(());
        }
        let shape = shape.flattened();
        let mut stencil = Stencil::forward(&shape, self.isa.columns());
        if shape.is_depthwise() {
            stencil.groups = 1;
        }
        let ending = Ending {
            shift: Some(self.shift.clone()),
            residual,
            activation,
            moments: None,
        };
        let panels = Panels::new(&shape, &stencil, Direction::Forward, self.isa.vectors());
        if winograd::suits(&self.shape, self.isa) {
            let pass = Winograd {
                isa: self.isa,
                stencil: &stencil,
                panels: &panels,
                weights: &self.lines,
            };
            // SAFETY: the lengths were checked against the shape; the pass writes all of the target.
            unsafe {
                pass.run(x, target, ending, pool);
                out.written(len);
            }
            return Ok(());
        }
        let pass = Pass {
            isa: self.isa,
            stencil: &stencil,
            weights: Weights::new(&shape, &panels, &self.lines),
            accumulate: false,
        };
        // SAFETY: the lengths were checked against the shape; the pass writes all of the target.
        unsafe {
            pass.run(x, target, ending, pool);
            out.written(len);
        }
        Ok(())
    }
}
