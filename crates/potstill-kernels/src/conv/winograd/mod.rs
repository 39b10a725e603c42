//! Winograd's minimal filtering F(4x4, 3x3) for 3x3 convolutions of stride 1: a quarter of the multiplications.
//!
//! Four by four outputs come from six by six inputs. Transformed, each of the 36 positions is a matrix product of its own:
//! tiles by input channels times input channels by output channels. It pays where these are wide; its rounding errors are
//! some ten times those of the direct sum (a test bounds them).
//!
//! Three stages: transform the input tiles, multiply, transform back with what follows the convolution. Where maps are
//! large, a task takes some tiles through all three inside its second-level cache. Where weights are larger than maps, all
//! tasks go through the stages together, so that weights are read once.

mod stages;
mod transform;

use super::epilogue_args::{EpilogueArgs, EpiloguePart};
use super::panels::Panels;
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::Pool;
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch, Shared};
use stages::Stages;
use transform::{OUT, POSITIONS};

/// From as many input and output channels on, the products are wide enough.
const FEWEST_CHANNELS: usize = 48;
/// Bytes of transformed tiles, before and after the product, that a task keeps in its caches.
const TASK_BYTES: usize = 2400 * 1024;
/// Tiles of a task, at most, and at least where they are enough.
const TILES: std::ops::RangeInclusive<usize> = 16..=128;
/// Tiles of a task of the first and third stage, where stages are common to all tasks.
const STAGE_TILES: usize = 8;

/// Whether a convolution is computed this way.
pub(crate) fn suits(shape: &ConvShape, isa: Isa) -> bool {
    isa.has_winograd()
        && shape.kernel == [3, 3]
        && shape.stride == [1, 1]
        && shape.dilation == [1, 1]
        && shape.groups == 1
        && shape.c_in >= FEWEST_CHANNELS
        && shape.c_out >= FEWEST_CHANNELS
}

/// Packs weights, times a factor for every output channel if given, and transforms them.
pub(crate) fn pack_weights(
    isa: Isa,
    panels: &Panels,
    weight: &[f32],
    scale: Option<&[f32]>,
    pool: &Pool,
) -> Scratch {
    let mut lines = Scratch::take(panels.lines());
    panels.pack(weight, scale, &mut lines, pool);
    let mut transformed = Scratch::take(POSITIONS * panels.lines() / 9);
    transform_weights(isa, panels, &lines, &mut transformed, pool);
    transformed
}

/// Transforms packed 3x3 panels: for every position, group of output vectors and input channel, a line per vector.
fn transform_weights(isa: Isa, panels: &Panels, lines: &[Line], to: &mut [Line], pool: &Pool) {
    let groups: Vec<(usize, usize)> = panels.out_groups().collect();
    let position = panels.lines() / 9;
    let shared = Shared::new(to);
    pool.run(groups.len(), |index| {
        let (block, vectors) = groups[index];
        for in_block in 0..panels.in_blocks() {
            let channels = (panels.channels[0] - in_block * LANES).min(LANES);
            let count = channels * vectors;
            let from = &lines[panels.start(0, block, vectors, in_block)..][..9 * count];
            let start = block * panels.channels[0] + in_block * LANES * vectors;
            // SAFETY: each group and block of channels has lines of its own at every position.
            unsafe { stages::transform_panel(isa, from, count, shared.ptr().add(start), position) };
        }
    });
}

/// One pass over a batch.
pub(crate) struct Winograd<'a> {
    pub isa: Isa,
    pub stencil: &'a Stencil,
    pub panels: &'a Panels,
    /// From [`pack_weights`].
    pub weights: &'a [Line],
}

/// The tiles of a batch, numbered row by row and image by image.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    rows: usize,
    columns: usize,
    count: usize,
}

impl Tiling {
    fn new(stencil: &Stencil) -> Self {
        let (rows, columns) = (stencil.target.h.div_ceil(OUT), stencil.target.w.div_ceil(OUT));
        Self {
            rows,
            columns,
            count: stencil.images * rows * columns,
        }
    }

    /// Image, row and column of a tile.
    fn at(self, tile: usize) -> (usize, usize, usize) {
        let area = self.rows * self.columns;
        let inside = tile % area;
        (tile / area, inside / self.columns, inside % self.columns)
    }
}

impl Winograd<'_> {
    /// Runs the pass; every element of the target is written.
    ///
    /// # Safety
    /// `source` and `target` are the whole maps of the stencil.
    pub unsafe fn run(&self, source: &[f32], target: *mut f32, ending: EpilogueArgs, pool: &Pool) {
        let tiling = Tiling::new(self.stencil);
        let (reads, writes) = (self.stencil.channels_in(), self.stencil.channels_out());
        let fitting = TASK_BYTES / (POSITIONS * (reads + writes) * size_of::<f32>());
        let tiles = fitting.clamp(*TILES.start(), *TILES.end()).next_multiple_of(8);
        let tasks = tiling.count.div_ceil(tiles);
        // Which way moves less memory outside the second-level cache: the weights once per task, or the tiles twice.
        let apart = tasks * reads * writes;
        let together = reads * writes + 2 * tiling.count * (reads + writes);
        let target = Shared::at(target);
        // SAFETY: as the caller promises.
        unsafe {
            if apart <= together {
                self.run_apart(source, target, ending, (tiling, tiles), pool);
            } else {
                self.run_together(source, target, ending, tiling, pool);
            }
        }
    }

    /// Every task takes some tiles through all stages.
    ///
    /// # Safety
    /// As [`Winograd::run`].
    unsafe fn run_apart(
        &self,
        source: &[f32],
        target: Shared<f32>,
        ending: EpilogueArgs,
        (tiling, tiles): (Tiling, usize),
        pool: &Pool,
    ) {
        let tasks = tiling.count.div_ceil(tiles);
        // Even tasks of whole vectors of tiles.
        let tiles = tiling.count.div_ceil(tasks);
        ending.run(tasks, (1, self.stencil.channels_out()), pool, |index, ending| {
            let part = index * tiles..((index + 1) * tiles).min(tiling.count);
            let stages = Stages::new(self, tiling, part.len());
            let mut before = Scratch::take(stages.lines_before());
            let mut after = Scratch::take(stages.lines_after());
            let (before, after) = (before.as_mut_ptr().cast(), after.as_mut_ptr().cast());
            // SAFETY: the scratches hold this task's tiles; tasks write disjoint pixels.
            unsafe {
                stages.transform_input(source, part.clone(), before, 0);
                for position in 0..POSITIONS {
                    stages.multiply(position, before, after);
                }
                stages.transform_output(after, 0, part, target.ptr(), ending);
            }
        });
    }

    /// All tasks go through each stage before the next begins.
    ///
    /// # Safety
    /// As [`Winograd::run`].
    unsafe fn run_together(
        &self,
        source: &[f32],
        target: Shared<f32>,
        ending: EpilogueArgs,
        tiling: Tiling,
        pool: &Pool,
    ) {
        let stages = Stages::new(self, tiling, tiling.count);
        let mut before = Scratch::take(stages.lines_before());
        let mut after = Scratch::take(stages.lines_after());
        let (before, after) = (
            Shared::at(before.as_mut_ptr().cast::<f32>()),
            Shared::at(after.as_mut_ptr().cast::<f32>()),
        );
        let tasks = tiling.count.div_ceil(STAGE_TILES);
        let part = |index: usize| index * STAGE_TILES..((index + 1) * STAGE_TILES).min(tiling.count);
        pool.run(tasks, |index| {
            // SAFETY: every task writes its own tiles.
            unsafe { stages.transform_input(source, part(index), before.ptr(), part(index).start) };
        });
        pool.run(POSITIONS, |position| {
            // SAFETY: every task writes its own position.
            unsafe { stages.multiply(position, before.ptr(), after.ptr()) };
        });
        ending.run(
            tasks,
            (1, self.stencil.channels_out()),
            pool,
            |index, ending: EpiloguePart| {
                let part = part(index);
                // SAFETY: every task writes the pixels of its own tiles.
                unsafe { stages.transform_output(after.ptr(), part.start, part, target.ptr(), ending) };
            },
        );
    }
}
