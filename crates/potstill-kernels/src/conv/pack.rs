//! Copying a band of a feature map into packed form: `[image][block of 16 channels][row][column remainder][column]` lines,
//! with the border and the missing channels filled with zeros.

use std::ops::Range;

use super::accumulate::Dense;
use super::half_pairs::HalfPairs;
use super::stencil::{Plane, Stencil};
use super::work_items::WorkItem;
use crate::isa::{Isa, Kernel, LANES, Lanes, PairKernel, PairLanes, dispatch, dispatch_pairs};
use crate::scratch::Line;

/// Strides of a packed item, in lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    pub row: usize,
    pub block: usize,
    pub image: usize,
}

impl Packed {
    /// The layout that a stencil reads, for `rows` rows of targets and `channels` channels.
    pub fn source(stencil: &Stencil, rows: usize, channels: usize) -> Self {
        let row = stencil.row_lines();
        let block = row * stencil.packed_rows(rows);
        Self {
            row,
            block,
            image: block * channels.div_ceil(LANES),
        }
    }

    /// The layout of rows of targets without a border.
    pub fn plain(columns: usize, rows: usize, channels: usize) -> Self {
        Self {
            row: columns,
            block: columns * rows,
            image: columns * rows * channels.div_ceil(LANES),
        }
    }
}

/// What an element of the packed form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// One channel.
    Single,
    /// Two neighbouring channels in half precision, of a source with so many channels. The stencil counts pairs.
    HalfPairs { channels: usize },
}

impl Numbers {
    /// Channels in a block of sixteen elements.
    fn block(self) -> usize {
        match self {
            Self::Single => LANES,
            Self::HalfPairs { .. } => 2 * LANES,
        }
    }
}

/// Packs what one item of the stencil reads.
pub(crate) fn pack_source(
    isa: Isa,
    stencil: &Stencil,
    (source, numbers): (&[f32], Numbers),
    item: &WorkItem,
    channels: Range<usize>,
    to: &mut [Line],
) -> Packed {
    let layout = Packed::source(stencil, item.rows.len(), channels.len());
    let top = (item.rows.start * stencil.step[0]) as isize - stencil.border[0];
    let (plane, channels) = match numbers {
        Numbers::Single => (stencil.source, channels),
        Numbers::HalfPairs { channels } => (
            Plane {
                channels,
                ..stencil.source
            },
            0..channels,
        ),
    };
    let band = Band {
        plane,
        channels,
        numbers,
        layout,
        top,
        rows: stencil.packed_rows(item.rows.len()),
        left: -stencil.border[1],
        phase_lines: stencil.phase_lines,
        used: &stencil.used,
        step: stencil.step,
    };
    band.pack_images(isa, source, item, to);
    layout
}

/// Packs rows of a map as they are: the output gradient for the weight gradient.
pub(crate) fn pack_plain(
    isa: Isa,
    plane: Plane,
    source: &[f32],
    item: &WorkItem,
    channels: Range<usize>,
    to: &mut [Line],
) -> Packed {
    let layout = Packed::plain(plane.w, item.rows.len(), channels.len());
    let all = [vec![true], vec![true]];
    let band = Band {
        plane,
        channels,
        numbers: Numbers::Single,
        layout,
        top: item.rows.start as isize,
        rows: item.rows.len(),
        left: 0,
        phase_lines: plane.w,
        used: &all,
        step: [1, 1],
    };
    band.pack_images(isa, source, item, to);
    layout
}

/// Rows of one image and where they go.
#[derive(Clone)]
struct Band<'a> {
    plane: Plane,
    channels: Range<usize>,
    numbers: Numbers,
    layout: Packed,
    /// Source row of the first packed row, and source column of the first packed column.
    top: isize,
    left: isize,
    rows: usize,
    phase_lines: usize,
    used: &'a [Vec<bool>; 2],
    step: [usize; 2],
}

impl Band<'_> {
    fn pack_images(&self, isa: Isa, source: &[f32], item: &WorkItem, to: &mut [Line]) {
        for (place, image) in item.images.clone().enumerate() {
            let source = &source[image * self.plane.len()..][..self.plane.len()];
            let to = &mut to[place * self.layout.image..][..self.layout.image];
            let band = self;
            match self.numbers {
                Numbers::Single => dispatch(isa, PackImage { band, source, to }),
                Numbers::HalfPairs { .. } => dispatch_pairs(isa, PackImage { band, source, to }),
            }
        }
    }
}

struct PackImage<'a> {
    band: &'a Band<'a>,
    source: &'a [f32],
    to: &'a mut [Line],
}

impl Kernel for PackImage<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.walk::<L, Dense>();
    }
}

impl PairKernel for PackImage<'_> {
    #[inline(always)]
    fn run<L: PairLanes>(self) {
        self.walk::<L, HalfPairs>();
    }
}

impl PackImage<'_> {
    #[inline(always)]
    fn walk<L: Lanes, C: CopyPixels<L>>(self) {
        let Self { band, source, to } = self;
        let Plane {
            h,
            w,
            channels: stride,
        } = band.plane;
        for packed_row in 0..band.rows {
            if !band.used[0][packed_row % band.step[0]] {
                continue;
            }
            let row = band.top + packed_row as isize;
            let inside = row >= 0 && row < h as isize;
            let wide = band.numbers.block();
            for block in 0..band.channels.len().div_ceil(wide) {
                let start = band.channels.start + block * wide;
                let lanes = (band.channels.end - start).min(wide);
                let line = block * band.layout.block + packed_row * band.layout.row;
                for phase in 0..band.step[1] {
                    if !band.used[1][phase] {
                        continue;
                    }
                    let to = &mut to[line + phase * band.phase_lines..][..band.phase_lines];
                    if !inside {
                        to.fill(Line::ZERO);
                        continue;
                    }
                    let source = &source[row as usize * w * stride..][..w * stride];
                    // Line `q` is column `q * step + first`.
                    let (first, step) = (band.left + phase as isize, band.step[1] as isize);
                    let from = (-first)
                        .max(0)
                        .unsigned_abs()
                        .div_ceil(band.step[1])
                        .min(to.len());
                    let end = (w as isize - first)
                        .max(0)
                        .unsigned_abs()
                        .div_ceil(band.step[1])
                        .clamp(from, to.len());
                    to[..from].fill(Line::ZERO);
                    to[end..].fill(Line::ZERO);
                    let to = &mut to[from..end];
                    if to.is_empty() {
                        continue;
                    }
                    let column = (first + from as isize * step) as usize;
                    C::copy_pixels(
                        &source[column * stride + start..],
                        band.step[1] * stride,
                        lanes,
                        to,
                    );
                }
            }
        }
    }
}

/// How the channels of a pixel become a line.
trait CopyPixels<L> {
    /// Copies `lanes` channels of pixels that lie `stride` apart.
    fn copy_pixels(source: &[f32], stride: usize, lanes: usize, to: &mut [Line]);
}

impl<L: Lanes> CopyPixels<L> for Dense {
    #[inline(always)]
    fn copy_pixels(source: &[f32], stride: usize, lanes: usize, to: &mut [Line]) {
        if lanes == LANES {
            for (i, line) in to.iter_mut().enumerate() {
                let pixel = &source[i * stride..][..LANES];
                // SAFETY: both sides are sixteen elements.
                unsafe { L::load(pixel.as_ptr()).store(line.0.as_mut_ptr()) }
            }
        } else {
            for (i, line) in to.iter_mut().enumerate() {
                let pixel = &source[i * stride..][..lanes];
                // SAFETY: `lanes` elements on one side, sixteen on the other.
                unsafe { L::load_partial(pixel.as_ptr(), lanes).store(line.0.as_mut_ptr()) }
            }
        }
    }
}

impl<L: PairLanes> CopyPixels<L> for HalfPairs {
    #[inline(always)]
    fn copy_pixels(source: &[f32], stride: usize, lanes: usize, to: &mut [Line]) {
        for (i, line) in to.iter_mut().enumerate() {
            let pixel = &source[i * stride..][..lanes];
            // SAFETY: `lanes` elements on one side, at most 32, and sixteen pairs on the other.
            unsafe { L::store_pairs(pixel.as_ptr(), lanes, line.0.as_mut_ptr()) }
        }
    }
}
