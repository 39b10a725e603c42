//! A pass with weights that are packed for it: those of a network that trains are others in every step.

use super::depthwise;
use super::ending::Ending;
use super::pack::Numbers;
use super::panels::{Direction, Panels};
use super::pass::{Pass, Weights};
use super::shape::ConvShape;
use super::stencil::Stencil;
use super::winograd::{self, Winograd};
use crate::Pool;
use crate::isa::Isa;
use crate::scratch::Scratch;

/// Weights `[c_out, c_in / groups, kh, kw]`, times a factor per output channel if given.
#[derive(Clone, Copy)]
pub(crate) struct FreshWeights<'a> {
    pub values: &'a [f32],
    pub scale: Option<&'a [f32]>,
}

/// Packs the weights and runs the pass of a direction from `source` to `target`, added to what is there if `accumulate`.
///
/// # Safety
/// All lengths are those of the shape; to accumulate, the target has been written before. Else all of it is written.
pub(crate) unsafe fn run_fresh(
    shape: &ConvShape,
    (direction, accumulate): (Direction, bool),
    weights: FreshWeights,
    source: &[f32],
    target: *mut f32,
    ending: Ending,
    pool: &Pool,
) {
    let isa = Isa::current();
    let shape = shape.flattened();
    let mut stencil = match direction {
        Direction::Forward => Stencil::forward(&shape, isa.columns()),
        Direction::BackwardData => Stencil::backward_data(&shape, isa.columns()),
    };
    let panels = Panels::new(&shape, &stencil, direction, isa.vectors());
    let FreshWeights { values, scale } = weights;
    if !accumulate && winograd::suits(&shape, isa) {
        let pass = Winograd {
            isa,
            stencil: &stencil,
            panels: &panels,
            weights: &winograd::pack_weights(isa, &panels, values, scale, pool),
        };
        // SAFETY: as the caller promises.
        unsafe { pass.run(source, target, ending, pool) };
        return;
    }
    let lines = if shape.is_depthwise() {
        stencil.groups = 1;
        depthwise::pack(&shape, values, scale)
    } else {
        let mut lines = Scratch::take(panels.lines());
        panels.pack(values, scale, &mut lines, pool);
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
    unsafe { pass.run(source, target, ending, pool) };
}
