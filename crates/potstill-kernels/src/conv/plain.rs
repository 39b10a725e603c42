//! A pass with weights that are packed for it: those of a network that trains are others in every step.

use super::Precision;
use super::algorithm::{Algorithm, AlgorithmPass};
use super::epilogue_args::EpilogueArgs;
use super::panels::{Direction, Panels};
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::Pool;
use crate::isa::Isa;

/// Weights `[c_out, c_in / groups, kh, kw]`, times a factor per output channel if given.
#[derive(Clone, Copy)]
pub(crate) struct PlainWeights<'a> {
    pub values: &'a [f32],
    pub scale: Option<&'a [f32]>,
}

/// Packs the weights and runs the pass of a direction from `source` to `target`, added to what is there if `accumulate`.
///
/// # Safety
/// All lengths are those of the shape; to accumulate, the target has been written before. Else all of it is written.
pub(crate) unsafe fn run_plain(
    shape: &ConvShape,
    (direction, accumulate): (Direction, bool),
    weights: PlainWeights,
    source: &[f32],
    target: *mut f32,
    ending: EpilogueArgs,
    pool: &Pool,
) {
    let isa = Isa::current();
    let shape = shape.flattened();
    let code = Algorithm::of(&shape, isa, Precision::Single).adding(accumulate);
    let mut stencil = match direction {
        Direction::Forward => Stencil::forward(&shape, isa.columns()),
        Direction::BackwardData => Stencil::backward_data(&shape, isa.columns()),
    };
    let panels = Panels::new(&shape, &stencil, direction, isa.vectors());
    let PlainWeights { values, scale } = weights;
    let lines = code.pack(isa, &shape, &panels, (values, scale), pool);
    code.regroup(&mut stencil);
    let pass = AlgorithmPass {
        isa,
        shape: &shape,
        stencil: &stencil,
        panels: &panels,
        lines: &lines,
        accumulate,
    };
    // SAFETY: as the caller promises.
    unsafe { code.run(&pass, shape.c_in, (source, target), ending, pool) };
}
