//! How a pass is cut into work items: some whole images, or a band of rows of one image.
//!
//! The cut depends on the shape only, so that sums over items never depend on the number of threads.

use std::ops::Range;

use super::stencil::Stencil;
use crate::isa::LANES;

/// Packed bytes of one item: fits a core's second-level cache beside weights and targets.
const ITEM_BYTES: usize = 384 * 1024;
/// Target pixels that small images are grouped to, so that weights read from the second-level cache are used often.
const GROUP_PIXELS: usize = 256;
/// Work for this many threads, if the problem is not too small for it.
const WANTED_ITEMS: usize = 8;
/// Fewer target pixels than this are not worth an item of their own.
const FEWEST_PIXELS: usize = 64;

/// The cut of one pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkItems {
    images: usize,
    rows: usize,
    images_per_item: usize,
    rows_per_band: usize,
    bands: usize,
}

/// One item: these rows of (the classes of) these images.
#[derive(Debug, Clone)]
pub(crate) struct WorkItem {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl WorkItems {
    pub fn new(stencil: &Stencil) -> Self {
        let rows = stencil.rows();
        let columns = stencil
            .classes
            .iter()
            .map(|c| c.size[1])
            .max()
            .unwrap_or(1)
            .max(1);
        let pixels: usize = stencil.classes.iter().map(|c| c.size[0] * c.size[1]).sum();
        let row_bytes =
            stencil.channels_in().div_ceil(LANES) * stencil.row_lines() * LANES * 4 * stencil.step[0];
        let halo = stencil.halo / stencil.step[0];
        let fitting = (ITEM_BYTES / row_bytes.max(1)).saturating_sub(halo).max(1);
        let wanted = rows.div_ceil(WANTED_ITEMS.div_ceil(stencil.images.max(1)));
        let sensible = wanted.max(FEWEST_PIXELS.div_ceil(columns));
        let rows_per_band = evened(rows, fitting.min(sensible).min(rows.max(1)));
        let bands = rows.div_ceil(rows_per_band);
        let images_per_item = if bands > 1 {
            1
        } else {
            let together = (GROUP_PIXELS / pixels.max(1)).min(fitting / rows.max(1)).max(1);
            evened(
                stencil.images,
                together.min(stencil.images.div_ceil(WANTED_ITEMS)).max(1),
            )
        };
        Self {
            images: stencil.images,
            rows,
            images_per_item,
            rows_per_band,
            bands,
        }
    }

    /// Number of items.
    pub fn count(&self) -> usize {
        self.images.div_ceil(self.images_per_item) * self.bands
    }

    /// Images of the largest item.
    pub fn most_images(&self) -> usize {
        self.images_per_item
    }

    /// Rows of the largest item.
    pub fn most_rows(&self) -> usize {
        self.rows_per_band
    }

    pub fn item(&self, index: usize) -> WorkItem {
        let (first_image, first_row) = (
            index / self.bands * self.images_per_item,
            index % self.bands * self.rows_per_band,
        );
        WorkItem {
            images: first_image..(first_image + self.images_per_item).min(self.images),
            rows: first_row..(first_row + self.rows_per_band).min(self.rows),
        }
    }
}

/// The part size that cuts `total` into as many parts as `part` does, as evenly as possible.
fn evened(total: usize, part: usize) -> usize {
    total.div_ceil(total.div_ceil(part).max(1)).max(1)
}
