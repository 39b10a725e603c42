//! The loop around the tiles, shared by forward and backward-data.
//!
//! For every work item: pack its source, then walk classes, groups of output channels, and runs of input channels whose
//! weights stay in the first-level cache; innermost are images, rows and tiles, so that those weights are used often.

use std::ops::Range;

use super::epilogue_args::{EpilogueArgs, EpiloguePart};
use super::pack::{Numbers, Packed, pack_source};
use super::panels::Panels;
use super::shape::ConvShape;
use super::stencil::{Class, Stencil};
use super::tile::{Form, Grid, Strip, Target, run_grid};
use super::work_items::{WorkItem, WorkItems};
use crate::Pool;
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch, Shared};

/// Bytes of weights that the tiles of a row use at a time. They stream from the second-level cache in order, which costs less
/// than to add up a target in more passes.
const PANEL_BYTES: usize = 100 * 1024;

/// Weights in tile order.
pub(crate) enum Weights<'a> {
    Dense {
        panels: &'a Panels,
        lines: &'a [Line],
    },
    /// `[block][kernel position]` lines; the stencil has one group.
    Depthwise {
        area: usize,
        lines: &'a [Line],
    },
}

impl<'a> Weights<'a> {
    /// Of packed lines: in the order of the panels, or by [`super::depthwise`].
    pub fn new(shape: &ConvShape, panels: &'a Panels, lines: &'a [Line]) -> Self {
        if shape.is_depthwise() {
            let area = shape.kernel[0] * shape.kernel[1];
            Self::Depthwise { area, lines }
        } else {
            Self::Dense { panels, lines }
        }
    }
}

/// One pass over a batch.
pub(crate) struct Pass<'a> {
    pub isa: Isa,
    pub stencil: &'a Stencil,
    pub weights: Weights<'a>,
    pub numbers: Numbers,
    pub accumulate: bool,
}

/// What one task works on.
struct Task<'a> {
    item: &'a WorkItem,
    group: usize,
    packed: Packed,
    from: *const f32,
    target: *mut f32,
    ending: EpiloguePart<'a>,
}

impl Pass<'_> {
    /// Runs the pass. Without `accumulate`, every element of the target is written.
    ///
    /// # Safety
    /// `source` and `target` are the whole maps of the stencil; with `accumulate`, the target has been written before.
    pub unsafe fn run(&self, source: &[f32], target: *mut f32, ending: EpilogueArgs, pool: &Pool) {
        let stencil = self.stencil;
        let items = WorkItems::new(stencil);
        let groups = stencil.groups;
        let (channels_in, channels_out) = (stencil.channels_in(), stencil.channels_out());
        let tasks = items.count() * groups;
        let shared = Shared::at(target);
        let lines = items.most_images() * Packed::source(stencil, items.most_rows(), channels_in).image;
        ending.run(tasks, (groups, channels_out), pool, |index, ending| {
            let (item, group) = (items.item(index / groups), index % groups);
            let mut scratch = Scratch::take(lines);
            let channels = group * channels_in..(group + 1) * channels_in;
            let packed = pack_source(
                self.isa,
                stencil,
                (source, self.numbers),
                &item,
                channels,
                &mut scratch,
            );
            let task = Task {
                item: &item,
                group,
                packed,
                from: scratch.as_ptr(),
                target: shared.ptr(),
                ending,
            };
            // SAFETY: as the caller promises; items and groups write disjoint pixels and channels.
            unsafe { self.run_task(&task) };
        });
    }

    /// # Safety
    /// As in [`Pass::run`].
    unsafe fn run_task(&self, task: &Task) {
        for (index, class) in self.stencil.classes.iter().enumerate() {
            let rows = task.item.rows.start..task.item.rows.end.min(class.size[0]);
            let untouched = class.taps.is_empty() && self.accumulate;
            if rows.is_empty() || untouched {
                continue;
            }
            match &self.weights {
                Weights::Dense { panels, lines } => {
                    for (block, vectors) in panels.out_groups() {
                        // SAFETY: as the caller promises.
                        unsafe {
                            self.run_dense(task, (index, class), &rows, (panels, lines), (block, vectors));
                        };
                    }
                }
                Weights::Depthwise { area, lines } => {
                    for block in 0..self.stencil.channels_out().div_ceil(LANES) {
                        let (from, weights) = (block * task.packed.block, &lines[block * area..][..*area]);
                        let strip = self.strip(task, class, from, weights.as_ptr().cast());
                        let strip = Strip {
                            form: Form::Depthwise,
                            ..strip
                        };
                        let target = self.target(task, class, (block, 1), self.accumulate, true);
                        // SAFETY: as the caller promises.
                        unsafe { self.run_rows(task, class, &rows, 1, strip, target) };
                    }
                }
            }
        }
    }

    /// One group of output vectors, over runs of input channels.
    ///
    /// # Safety
    /// As in [`Pass::run`].
    unsafe fn run_dense(
        &self,
        task: &Task,
        (index, class): (usize, &Class),
        rows: &Range<usize>,
        (panels, lines): (&Panels, &[Line]),
        (block, vectors): (usize, usize),
    ) {
        let (channels, blocks) = (panels.channels[0], panels.in_blocks());
        let block_bytes = (class.taps.len() * vectors * LANES * size_of::<Line>()).max(1);
        let together = if class.taps.is_empty() {
            blocks
        } else {
            (PANEL_BYTES / block_bytes).max(1)
        };
        for first in (0..blocks).step_by(together) {
            let end = (first + together).min(blocks);
            let start = task.group * panels.group_lines() + panels.start(index, block, vectors, first);
            let weights = lines[start..].as_ptr().cast();
            let strip = self.strip(task, class, first * task.packed.block, weights);
            let last_channels = if end == blocks { channels % LANES } else { 0 };
            let full_blocks = end - first - usize::from(last_channels > 0);
            let strip = Strip {
                full_blocks,
                last_channels,
                form: match self.numbers {
                    Numbers::Single => Form::Dense,
                    Numbers::HalfPairs { .. } => Form::HalfPairs,
                },
                ..strip
            };
            let accumulate = self.accumulate || first > 0;
            let target = self.target(task, class, (block, vectors), accumulate, end == blocks);
            // SAFETY: as the caller promises.
            unsafe { self.run_rows(task, class, rows, vectors, strip, target) };
        }
    }

    /// All rows of a class in all images of a task.
    ///
    /// # Safety
    /// As in [`Pass::run`].
    unsafe fn run_rows(
        &self,
        task: &Task,
        class: &Class,
        rows: &Range<usize>,
        vectors: usize,
        mut strip: Strip,
        mut target: Target,
    ) {
        let (plane, step) = (self.stencil.target, self.stencil.step[0]);
        let below = (rows.start - task.item.rows.start) * step;
        let first_row = class.origin[0] + class.step[0] * rows.start;
        let to =
            task.item.images.start * plane.len() + (first_row * plane.w + class.origin[1]) * plane.channels;
        let grid = Grid {
            images: task.item.images.len(),
            rows: rows.len(),
            columns: class.size[1],
            from_image: task.packed.image * LANES,
            from_row: step * task.packed.row * LANES,
            to_image: plane.len(),
            to_row: class.step[0] * plane.w * plane.channels,
        };
        // SAFETY: the item's packed rows are in the scratch, its pixels in the target.
        unsafe {
            strip.from = strip.from.add(below * task.packed.row * LANES);
            target.to = target.to.add(to);
            if let Some(finish) = &mut target.finish
                && !finish.residual.is_null()
            {
                finish.residual = finish.residual.add(to);
            }
            run_grid(self.isa, vectors, grid, strip, target);
        }
    }

    fn strip<'b>(&self, task: &Task, class: &'b Class, from_line: usize, weights: *const f32) -> Strip<'b> {
        Strip {
            // SAFETY: the block is in the scratch.
            from: unsafe { task.from.add(from_line * LANES) },
            taps: &class.taps,
            runs: &class.runs,
            row: self.stencil.row_lines() * LANES,
            block: task.packed.block * LANES,
            full_blocks: 0,
            last_channels: 0,
            weights,
            form: Form::Dense,
        }
    }

    /// The target of a group of output vectors, at the first pixel.
    fn target(
        &self,
        task: &Task,
        class: &Class,
        (block, vectors): (usize, usize),
        accumulate: bool,
        last: bool,
    ) -> Target {
        let channels = self.stencil.channels_out();
        Target {
            // SAFETY: the first pixel has all channels.
            to: unsafe { task.target.add(task.group * channels + block * LANES) },
            pixel: class.step[1] * self.stencil.target.channels,
            last_lanes: (channels - (block + vectors - 1) * LANES).min(LANES),
            accumulate,
            finish: if last {
                task.ending.finish(task.group, block, channels)
            } else {
                None
            },
        }
    }
}
