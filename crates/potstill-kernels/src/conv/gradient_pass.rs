//! The products that make up the gradient of the weights, summed over parts of a batch.

use std::ops::Range;

use super::gradient_tile::{Sums, Window, add_lane_products, add_products};
use super::pack::{Numbers, Packed, pack_plain, pack_source};
use super::panels::Panels;
use super::stencil::Stencil;
use super::work_items::{WorkItem, WorkItems};
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch};

/// Pixels whose packed values under a tile, with the panel of sums, stay in the first-level cache.
const BAND_PIXELS: usize = 128;

/// What the products are made of.
pub(crate) struct GradientPass<'a> {
    pub isa: Isa,
    pub stencil: &'a Stencil,
    pub panels: &'a Panels,
    pub depthwise: bool,
    pub x: &'a [f32],
    pub dy: &'a [f32],
}

impl GradientPass<'_> {
    /// Lines of a packed part: input, then output gradient.
    pub fn packed_lines(&self, images: usize, rows: usize) -> usize {
        images * (self.x_layout(rows).image + self.dy_layout(rows).image)
    }

    fn x_layout(&self, rows: usize) -> Packed {
        Packed::source(self.stencil, rows, self.stencil.channels_in())
    }

    fn dy_layout(&self, rows: usize) -> Packed {
        Packed::plain(self.stencil.target.w, rows, self.stencil.channels_out())
    }

    /// Packs an item: input of all its images, then output gradient of all its images.
    pub fn pack_item(&self, item: &WorkItem, group: usize, to: &mut [Line]) {
        let (reads, writes) = (self.stencil.channels_in(), self.stencil.channels_out());
        let (x, dy) = to.split_at_mut(item.images.len() * self.x_layout(item.rows.len()).image);
        let channels = group * reads..(group + 1) * reads;
        pack_source(
            self.isa,
            self.stencil,
            (self.x, Numbers::Single),
            item,
            channels,
            x,
        );
        let channels = group * writes..(group + 1) * writes;
        pack_plain(self.isa, self.stencil.target, self.dy, item, channels, dy);
    }

    /// The item whose images were packed one by one, `image` lines each, from `from` on.
    ///
    /// # Safety
    /// These lines exist.
    pub unsafe fn packed<'b>(&self, item: &'b WorkItem, from: *const f32, image: usize) -> PackedItem<'b> {
        let (mut x_layout, mut dy_layout) = (self.x_layout(item.rows.len()), self.dy_layout(item.rows.len()));
        // SAFETY: the output gradient comes after the input.
        let dy = unsafe { from.add(x_layout.image * LANES) };
        (x_layout.image, dy_layout.image) = (image, image);
        PackedItem {
            item,
            x: from,
            dy,
            x_layout,
            dy_layout,
        }
    }

    /// Adds the products of one item to the sums of its partition.
    pub fn add_item(&self, items: &WorkItems, item: &WorkItem, group: usize, sums: &mut [Line]) {
        let mut lines = Scratch::take(self.packed_lines(items.most_images(), items.most_rows()));
        self.pack_item(item, group, &mut lines);
        let (x_layout, dy_layout) = (self.x_layout(item.rows.len()), self.dy_layout(item.rows.len()));
        let x = lines.as_ptr();
        let packed = PackedItem {
            item,
            x,
            // SAFETY: the output gradient comes after the input.
            dy: unsafe { x.add(item.images.len() * x_layout.image * LANES) },
            x_layout,
            dy_layout,
        };
        // SAFETY: the scratch holds the item, the sums hold a line for every product.
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
        for block in self.panels.out_groups() {
            for in_block in 0..self.panels.in_blocks() {
                let panel = &mut sums[self.panel_lines(block, in_block)];
                // SAFETY: as the caller promises.
                unsafe { self.add_panel(packed, block, in_block, panel) };
            }
        }
    }

    /// Where the panel of these blocks is among the sums of a group.
    pub fn panel_lines(&self, (block, vectors): (usize, usize), in_block: usize) -> Range<usize> {
        let channels = (self.panels.channels[0] - in_block * LANES).min(LANES);
        let start = self.panels.start(0, block, vectors, in_block);
        start..start + self.stencil.classes[0].taps.len() * channels * vectors
    }

    /// Adds the products of these blocks of channels to their panel.
    ///
    /// # Safety
    /// `packed` is an item of this pass, `panel` has the [`GradientPass::panel_lines`].
    pub unsafe fn add_panel(
        &self,
        packed: &PackedItem,
        (block, vectors): (usize, usize),
        in_block: usize,
        panel: &mut [Line],
    ) {
        let channels = (self.panels.channels[0] - in_block * LANES).min(LANES);
        for band in self.bands(packed.item) {
            let mut to = &mut panel[..];
            for run in &self.stencil.classes[0].runs {
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

    /// Parts of an item that stay in the first-level cache while all taps and channels pass over them: some rows of one
    /// image, or some whole images.
    fn bands(&self, item: &WorkItem) -> impl Iterator<Item = WorkItem> + use<> {
        let (all, whole) = (item.rows.clone(), item.images.len());
        let rows = (BAND_PIXELS / self.stencil.target.w).clamp(1, all.len());
        let images = if rows < all.len() {
            1
        } else {
            (BAND_PIXELS / (rows * self.stencil.target.w)).max(1)
        };
        (0..whole).step_by(images).flat_map(move |image| {
            let all = all.clone();
            all.clone().step_by(rows).map(move |row| WorkItem {
                images: image..(image + images).min(whole),
                rows: row..(row + rows).min(all.end),
            })
        })
    }

    /// # Safety
    /// `packed` is an item of this pass, `sums` has a line for every block and kernel position.
    unsafe fn add_depthwise(&self, packed: &PackedItem, sums: &mut [Line]) {
        let taps = &self.stencil.classes[0].taps;
        let whole = WorkItem {
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
        part: &WorkItem,
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
pub(crate) struct PackedItem<'a> {
    item: &'a WorkItem,
    x: *const f32,
    dy: *const f32,
    x_layout: Packed,
    dy_layout: Packed,
}
