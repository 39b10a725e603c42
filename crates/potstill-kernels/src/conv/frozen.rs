//! Convolution of a network that does not train: batch norm folded in, weights packed once.

use super::Precision;
use super::algorithm::{Algorithm, AlgorithmPass};
use super::epilogue_args::{EpilogueArgs, padded};
use super::panels::{Direction, Panels};
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::error::expect_length;
use crate::isa::Isa;
use crate::scratch::Line;
use crate::{Activation, KernelError, Output, Pool};

/// `activation(scale * conv(x) + shift + residual)` with weights in the order of the tiles.
#[derive(Debug, Clone)]
pub struct PackedConv {
    /// Batch and map sizes are those of the last call's caller to choose; the rest is fixed.
    shape: ConvShape,
    isa: Isa,
    code: Algorithm,
    lines: Vec<Line>,
    shift: Vec<f32>,
}

impl PackedConv {
    /// Packs `weight: [c_out, c_in / groups, kh, kw]`, times `scale`, for one layer. `n`, `h` and `w` of the
    /// shape are ignored.
    ///
    /// With [`Precision::Half`] inputs and weights are rounded to half precision, and so are short sums of
    /// products; everything else is in single precision. It serves convolutions of one group on machines with
    /// AVX512-FP16, except those that Winograd serves; all others stay as they are.
    ///
    /// # Errors
    /// [`KernelError`] when the shape is impossible or a slice does not fit it.
    pub fn new(
        shape: &ConvShape,
        weight: &[f32],
        scale: &[f32],
        shift: &[f32],
        precision: Precision,
    ) -> Result<Self, KernelError> {
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
        let code = Algorithm::of(&shape, isa, precision);
        let counted = code.counted(&shape);
        let stencil = Stencil::forward(&counted, isa.columns());
        let panels = Panels::new(&counted, &stencil, Direction::Forward, isa.vectors());
        let lines = code.pack(isa, &shape, &panels, (weight, Some(scale)), Pool::global());
        let groups = if code == Algorithm::Depthwise {
            1
        } else {
            shape.groups
        };
        Ok(Self {
            shape,
            isa,
            code,
            lines: lines.to_vec(),
            shift: padded(shift, groups),
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
        let channels = shape.c_in;
        let shape = self.code.counted(&shape).flattened();
        let mut stencil = Stencil::forward(&shape, self.isa.columns());
        self.code.regroup(&mut stencil);
        let panels = Panels::new(&shape, &stencil, Direction::Forward, self.isa.vectors());
        let pass = AlgorithmPass {
            isa: self.isa,
            shape: &shape,
            stencil: &stencil,
            panels: &panels,
            lines: &self.lines,
            accumulate: false,
        };
        let ending = EpilogueArgs {
            shift: Some(self.shift.clone()),
            residual,
            activation,
            moments: None,
        };
        // SAFETY: the lengths were checked against the shape; the pass writes all of the target.
        unsafe {
            self.code.run(&pass, channels, (x, target), ending, pool);
            out.written(len);
        }
        Ok(())
    }
}
