//! The gradient of a convolution's weights.
//!
//! A fixed number of partitions of the work items, each with sums of its own, added up in order at the end: the result is
//! the same for any number of threads.

use std::ops::Range;

use super::depthwise;
use super::gradient_tile::{Sums, Window, add_lane_products, add_products};
use super::items::{Item, Items};
use super::pack::{Packed, pack_plain, pack_source};
use super::panels::{Direction, Panels};
use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch, Shared};
use crate::{KernelError, Pool};

/// Partitions, if there are as many items and their sums do not fill the caches.
const MOST_PARTITIONS: usize = 16;
/// Fewer than this many leave cores idle.
const FEWEST_PARTITIONS: usize = 4;
/// Pixels whose packed values under a tile, with the panel of sums, stay in the first-level cache.
const BAND_PIXELS: usize = 128;
/// Bytes that the sums of all partitions may take before their number is reduced.
const SUM_BYTES: usize = 16 * 1024 * 1024;

/// From `x: [n, h, w, c_in]` and `dy: [n, oh, ow, c_out]`, the gradient `dw: [c_out, c_in / groups, kh, kw]`.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_backward_weight(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(|shape| {
        [
            ("x", shape.input_len(), x.len()),
            ("dy", shape.output_len(), dy.len()),
            ("dw", shape.weight_len(), dw.len()),
        ]
    })?;
    if shape.is_empty() {
        dw.fill(0.0);
        return Ok(());
    }
    let isa = Isa::current();
    let shape = shape.flattened();
    let mut stencil = Stencil::forward(&shape, isa.columns());
    let panels = Panels::new(&shape, &stencil, Direction::Forward, isa.vectors());
    let depthwise = shape.is_depthwise();
    let part_lines = if depthwise {
        stencil.groups = 1;
        shape.c_out.div_ceil(LANES) * shape.kernel[0] * shape.kernel[1]
    } else {
        panels.lines()
    };
    let items = Items::new(&stencil);
    let affordable = (SUM_BYTES / (part_lines * size_of::<Line>())).clamp(FEWEST_PARTITIONS, MOST_PARTITIONS);
    let partitions = affordable.min(items.count());
    let mut parts = Scratch::zeroed(partitions * part_lines);
    let pass = GradientPass {
        isa,
        stencil: &stencil,
        panels: &panels,
        depthwise,
        x,
        dy,
    };
    let shared = Shared::new(&mut parts);
    let groups = stencil.groups;
    pool.run(partitions * groups, |task| {
        let (partition, group) = (task / groups, task % groups);
        let lines = part_lines / groups;
        // SAFETY: every partition and group has lines of its own.
        let sums = unsafe { shared.part(partition * part_lines + group * lines, lines) };
        let bound = |i: usize| i * items.count() / partitions;
        for index in bound(partition)..bound(partition + 1) {
            pass.add_item(&items, &items.item(index), group, sums);
        }
    });
    if depthwise {
        depthwise::sum_and_unpack(&shape, &parts, partitions, dw);
    } else {
        panels.sum_and_unpack(&parts, partitions, dw, pool);
    }
    Ok(())
}

struct GradientPass<'a> {
    isa: Isa,
    stencil: &'a Stencil,
    panels: &'a Panels,
    depthwise: bool,
    x: &'a [f32],
    dy: &'a [f32],
}

impl GradientPass<'_> {
    /// Adds the products of one item to the sums of its partition.
    fn add_item(&self, items: &Items, item: &Item, group: usize, sums: &mut [Line]) {
        let stencil = self.stencil;
        let (reads, writes) = (stencil.channels_in(), stencil.channels_out());
        let largest = (items.most_images(), items.most_rows());
        let mut x = Scratch::take(largest.0 * Packed::source(stencil, largest.1, reads).image);
        let mut dy = Scratch::take(largest.0 * Packed::plain(stencil.target.w, largest.1, writes).image);
        let channels = group * reads..(group + 1) * reads;
        let x_layout = pack_source(self.isa, stencil, self.x, item, channels, &mut x);
        let channels = group * writes..(group + 1) * writes;
        let dy_layout = pack_plain(self.isa, stencil.target, self.dy, item, channels, &mut dy);
        let packed = PackedItem {
            item,
            x: x.as_ptr(),
            dy: dy.as_ptr(),
            x_layout,
            dy_layout,
        };
        // SAFETY: both scratches hold the item, the sums hold a line for every product.
        unsafe {
            if self.depthwise {
                self.add_depthwise(&packed, sums);
            } else {
                self.add_dense(&packed, sums);
            }
        }
    }

    /// # Safety
    /// `packed` is an item of this pass, `sums` the panels of a group.
    unsafe fn add_dense(&self, packed: &PackedItem, sums: &mut [Line]) {
        let panels = self.panels;
        let runs = &self.stencil.classes[0].runs;
        for (block, vectors) in panels.out_groups() {
            for in_block in 0..panels.in_blocks() {
                let channels = (panels.channels[0] - in_block * LANES).min(LANES);
                let panel = &mut sums[panels.start(0, block, vectors, in_block)..];
                for band in self.bands(packed.item) {
                    let mut to = &mut panel[..];
                    for run in runs {
                        let (these, rest) = to.split_at_mut(run.columns * channels * vectors);
                        to = rest;
                        let window = self.window(packed, &band, (run.row, run.line), (in_block, block));
                        let sums = Sums {
                            to: these.as_mut_ptr().cast(),
                            tap: channels * vectors * LANES,
                            vectors,
                            channels,
                            columns: run.columns,
                        };
                        // SAFETY: as the caller promises; the panel has `channels * vectors` lines for every tap.
                        unsafe { add_products(self.isa, window, sums) };
                    }
                }
            }
        }
    }

    /// Parts of an item that stay in the first-level cache while all taps and channels pass over them: some rows of one
    /// image, or some whole images.
    fn bands(&self, item: &Item) -> impl Iterator<Item = Item> + use<> {
        let (all, whole) = (item.rows.clone(), item.images.len());
        let rows = (BAND_PIXELS / self.stencil.target.w).clamp(1, all.len());
        let images = if rows < all.len() {
            1
        } else {
            (BAND_PIXELS / (rows * self.stencil.target.w)).max(1)
        };
        (0..whole).step_by(images).flat_map(move |image| {
            let all = all.clone();
            all.clone().step_by(rows).map(move |row| Item {
                images: image..(image + images).min(whole),
                rows: row..(row + rows).min(all.end),
            })
        })
    }

    /// # Safety
    /// `packed` is an item of this pass, `sums` has a line for every block and kernel position.
    unsafe fn add_depthwise(&self, packed: &PackedItem, sums: &mut [Line]) {
        let taps = &self.stencil.classes[0].taps;
        let whole = Item {
            images: 0..packed.item.images.len(),
            rows: packed.item.rows.clone(),
        };
        for block in 0..self.stencil.channels_out().div_ceil(LANES) {
            for tap in taps {
                let to = &mut sums[block * taps.len() + tap.kernel];
                let window = self.window(packed, &whole, (tap.row, tap.line), (block, block));
                // SAFETY: as the caller promises.
                unsafe { add_lane_products(self.isa, window, to) };
            }
        }
    }

    /// The rows of a part of an item (whose images count from the item's first) that meet the input under a tap; those on the
    /// border would only add zeros.
    fn window(
        &self,
        packed: &PackedItem,
        part: &Item,
        (row, line): (usize, usize),
        (in_block, out_block): (usize, usize),
    ) -> Window {
        let (x, dy) = (packed.x_layout, packed.dy_layout);
        let rows = self.rows_inside(row, &part.rows);
        let below = rows.start - packed.item.rows.start;
        let x_line = part.images.start * x.image
            + in_block * x.block
            + (below * self.stencil.step[0] + row) * x.row
            + line;
        let dy_line = part.images.start * dy.image + out_block * dy.block + below * dy.row;
        Window {
            // SAFETY: `add_item`'s scratches hold these lines.
            x: unsafe { packed.x.add(x_line * LANES) },
            // SAFETY: as above.
            dy: unsafe { packed.dy.add(dy_line * LANES) },
            images: part.images.len(),
            rows: rows.len(),
            columns: self.stencil.target.w,
            x_row: self.stencil.step[0] * x.row * LANES,
            x_image: x.image * LANES,
            dy_row: dy.row * LANES,
            dy_image: dy.image * LANES,
            dy_block: dy.block * LANES,
        }
    }

    /// The target rows whose tap is on a source row.
    fn rows_inside(&self, tap_row: usize, rows: &Range<usize>) -> Range<usize> {
        let step = self.stencil.step[0];
        // Target row `i` reads source row `i * step + offset`.
        let offset = tap_row as isize - self.stencil.border[0];
        let first = (-offset)
            .max(0)
            .unsigned_abs()
            .div_ceil(step)
            .clamp(rows.start, rows.end);
        let end = (self.stencil.source.h as isize - offset)
            .max(0)
            .unsigned_abs()
            .div_ceil(step);
        first..end.clamp(first, rows.end)
    }
}

/// An item's packed input and output gradient.
struct PackedItem<'a> {
    item: &'a Item,
    x: *const f32,
    dy: *const f32,
    x_layout: Packed,
    dy_layout: Packed,
}
