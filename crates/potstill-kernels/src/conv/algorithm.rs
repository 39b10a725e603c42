//! Which code a forward or backward-data pass takes, and with it the order of its packed weights.

use super::Precision;
use super::depthwise;
use super::epilogue_args::EpilogueArgs;
use super::half_pairs::{self, paired};
use super::pack::Numbers;
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
pub(crate) enum Algorithm {
    Direct,
    Depthwise,
    Winograd,
    /// Direct, on pairs of channels in half precision.
    HalfPairs,
}

/// One pass of some code over a batch.
pub(crate) struct AlgorithmPass<'a> {
    pub isa: Isa,
    /// As [`Algorithm::counted`] has it.
    pub shape: &'a ConvShape,
    pub stencil: &'a Stencil,
    pub panels: &'a Panels,
    /// From [`Algorithm::pack`].
    pub lines: &'a [Line],
    pub accumulate: bool,
}

impl Algorithm {
    /// The fastest code for a shape.
    pub fn of(shape: &ConvShape, isa: Isa, precision: Precision) -> Self {
        if shape.is_depthwise() {
            Self::Depthwise
        } else if winograd::suits(shape, isa) {
            Self::Winograd
        } else if precision == Precision::Half && shape.groups == 1 && isa.has_pairs() {
            Self::HalfPairs
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
            Self::HalfPairs => paired(shape),
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
            Self::HalfPairs => half_pairs::pack_weights(isa, shape, panels, (values, scale), pool),
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
        pass: &AlgorithmPass,
        channels: usize,
        (source, target): (&[f32], *mut f32),
        ending: EpilogueArgs,
        pool: &Pool,
    ) {
        let AlgorithmPass {
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
            Self::HalfPairs => Numbers::HalfPairs { channels },
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
