//! Which code a forward or backward-data pass takes, and with it the order of its packed weights.

use super::depthwise;
use super::ending::Ending;
use super::frozen::Precision;
use super::pack::Numbers;
use super::pairs::{self, paired};
use super::panels::Panels;
use super::pass::{Pass, Weights};
use super::shape::ConvShape;
use super::stencil::Stencil;
use super::winograd::{self, Winograd};
use crate::Pool;
use crate::isa::Isa;
use crate::scratch::{Line, Scratch};

/// The ways to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Direct,
    Depthwise,
    Winograd,
    /// Direct, on pairs of channels in half precision.
    Pairs,
}

/// One pass of some code over a batch.
pub(crate) struct CodePass<'a> {
    pub isa: Isa,
    /// As [`Code::counted`] has it.
    pub shape: &'a ConvShape,
    pub stencil: &'a Stencil,
    pub panels: &'a Panels,
    /// From [`Code::pack`].
    pub lines: &'a [Line],
    pub accumulate: bool,
}

impl Code {
    /// The fastest code for a shape.
    pub fn of(shape: &ConvShape, isa: Isa, precision: Precision) -> Self {
        if shape.is_depthwise() {
            Self::Depthwise
        } else if winograd::suits(shape, isa) {
            Self::Winograd
        } else if precision == Precision::Half && shape.groups == 1 && isa.has_pairs() {
            Self::Pairs
        } else {
            Self::Direct
        }
    }

    /// The same, for a target that may have to be added to, which Winograd does not do.
    pub fn adding(self, accumulate: bool) -> Self {
        match self {
            Self::Winograd if accumulate => Self::Direct,
            other => other,
        }
    }

    /// The shape as the code counts channels.
    pub fn counted(self, shape: &ConvShape) -> ConvShape {
        match self {
            Self::Pairs => paired(shape),
            _ => *shape,
        }
    }

    /// Sets the stencil's groups as the code walks them.
    pub fn regroup(self, stencil: &mut Stencil) {
        if self == Self::Depthwise {
            stencil.groups = 1;
        }
    }

    /// Packs `[c_out, c_in / groups, kh, kw]` weights, times a factor per output channel if given. The panels are those of the
    /// [`counted`](Self::counted) shape.
    pub fn pack(
        self,
        isa: Isa,
        shape: &ConvShape,
        panels: &Panels,
        (values, scale): (&[f32], Option<&[f32]>),
        pool: &Pool,
    ) -> Scratch {
        match self {
            Self::Depthwise => depthwise::pack(shape, values, scale),
            Self::Winograd => winograd::pack_weights(isa, panels, values, scale, pool),
            Self::Pairs => pairs::pack_weights(isa, shape, panels, (values, scale), pool),
            Self::Direct => {
                let mut lines = Scratch::take(panels.lines());
                panels.pack(values, scale, &mut lines, pool);
                lines
            }
        }
    }

    /// Runs a pass; `channels` are those of the source.
    ///
    /// # Safety
    /// As [`Pass::run`]; nothing is accumulated by Winograd.
    pub unsafe fn run(
        self,
        pass: &CodePass,
        channels: usize,
        (source, target): (&[f32], *mut f32),
        ending: Ending,
        pool: &Pool,
    ) {
        let CodePass {
            isa,
            shape,
            stencil,
            panels,
            lines,
            accumulate,
        } = *pass;
        if self == Self::Winograd {
            let weights = lines;
            let pass = Winograd {
                isa,
                stencil,
                panels,
                weights,
            };
            // SAFETY: as the caller promises.
            return unsafe { pass.run(source, target, ending, pool) };
        }
        let numbers = match self {
            Self::Pairs => Numbers::Pairs { channels },
            _ => Numbers::Single,
        };
        let pass = Pass {
            isa,
            stencil,
            weights: Weights::new(shape, panels, lines),
            numbers,
            accumulate,
        };
        // SAFETY: as the caller promises.
        unsafe { pass.run(source, target, ending, pool) };
    }
}
