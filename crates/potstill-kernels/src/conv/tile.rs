//! The tiles of forward and backward-data: neighbouring target pixels times one or two vectors of output channels, held in
//! registers while every tap and input channel passes by ([`sums`](super::sums)), then finished and stored.

use std::marker::PhantomData;
use std::ops::Range;

use super::accumulate::{Accumulate, Dense, Depthwise};
use super::half_pairs::HalfPairs;
use super::stencil::{Run, Tap};
use crate::Activation;
use crate::isa::{Isa, Kernel, LANES, Lanes, PairKernel, PairLanes, dispatch, dispatch_pairs, load, store};

/// What happens to a tile when its sum is complete.
#[derive(Clone, Copy)]
pub(crate) struct Finish {
    /// Added per output channel; whole vectors. Null for none.
    pub shift: *const f32,
    /// Added per element, laid out like the target. Null for none.
    pub residual: *const f32,
    pub activation: Activation,
    /// Sixteen sums, and at `square_step` sixteen sums of squares, per vector. Null for none.
    pub moments: *mut f64,
    pub square_step: usize,
}

/// Where a tile goes: pixel `p`, vector `v` at `to + p * pixel + v * 16`.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub to: *mut f32,
    /// Elements from pixel to pixel.
    pub pixel: usize,
    /// Channels in the last vector.
    pub last_lanes: usize,
    /// Whether the tile is added to what is there.
    pub accumulate: bool,
    /// Present with the last input channels.
    pub finish: Option<Finish>,
}

/// Some input channels of one packed row of pixels.
#[derive(Clone, Copy)]
pub(crate) struct Strip<'a> {
    /// First line of the row, first block of channels.
    pub from: *const f32,
    /// For depthwise convolution.
    pub taps: &'a [Tap],
    /// The same taps in runs, for all others.
    pub runs: &'a [Run],
    /// Elements of a packed row and of a packed block.
    pub row: usize,
    pub block: usize,
    /// Input channels: the blocks that they fill, and those left over.
    pub full_blocks: usize,
    pub last_channels: usize,
    /// Panels of these channels; of a depthwise convolution, one line for every kernel position.
    pub weights: *const f32,
    pub form: Form,
}

/// What the elements of a strip are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Every lane reads every channel.
    Dense,
    /// Every lane reads its own channel only.
    Depthwise,
    /// Dense, and every element is a pair of channels in half precision.
    HalfPairs,
}

/// The rows of tiles that share a strip's weights. Distances in elements, from the strip's and the target's first pixel.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub images: usize,
    pub rows: usize,
    pub columns: usize,
    pub from_image: usize,
    pub from_row: usize,
    pub to_image: usize,
    pub to_row: usize,
}

/// Runs all rows of a grid through tiles of nearly equal size.
///
/// # Safety
/// The strip, the panels and the target hold what their fields say, for the pixels of the grid and `vectors` vectors.
pub(crate) unsafe fn run_grid(isa: Isa, vectors: usize, grid: Grid, strip: Strip, target: Target) {
    let widest = (isa.accumulators() / vectors).max(1);
    let tiles = grid.columns.div_ceil(widest);
    let (size, larger) = (grid.columns / tiles, grid.columns % tiles);
    for (first, pixels, count) in [(0, size + 1, larger), (larger * (size + 1), size, tiles - larger)] {
        // SAFETY: the tiles together cover the row.
        unsafe {
            run_tiles(
                isa,
                vectors,
                pixels,
                first..first + pixels * count,
                grid,
                strip,
                target,
            );
        }
    }
}

/// Picks the code for a tile size.
///
/// # Safety
/// As [`run_grid`], for these columns, which tiles of `pixels` fill.
unsafe fn run_tiles(
    isa: Isa,
    vectors: usize,
    pixels: usize,
    columns: Range<usize>,
    grid: Grid,
    strip: Strip,
    target: Target,
) {
    if columns.is_empty() {
        return;
    }
    macro_rules! pick {
        ($($form:ident $dispatch:ident $vectors:literal: $($pixels:literal)*;)*) => {
            match (strip.form, vectors, pixels) {
                $($((Form::$form, $vectors, $pixels) => {
                    $dispatch(isa, Tiles::<$form, $pixels, $vectors> { strip, target, grid, columns, form: PhantomData });
                })*)*
                _ => unreachable!("tiles are cut to the sizes above"),
            }
        };
    }
    pick!(
        Dense dispatch 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16;
        Dense dispatch 2: 1 2 3 4 5 6 7 8;
        Depthwise dispatch 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16;
        HalfPairs dispatch_pairs 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16;
        HalfPairs dispatch_pairs 2: 1 2 3 4 5 6 7 8;
    );
}

struct Tiles<'a, S, const P: usize, const V: usize> {
    strip: Strip<'a>,
    target: Target,
    grid: Grid,
    columns: Range<usize>,
    form: PhantomData<S>,
}

impl<const P: usize, const V: usize> Kernel for Tiles<'_, Dense, P, V> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.walk::<L>();
    }
}

impl<const P: usize, const V: usize> Kernel for Tiles<'_, Depthwise, P, V> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.walk::<L>();
    }
}

impl<const P: usize, const V: usize> PairKernel for Tiles<'_, HalfPairs, P, V> {
    #[inline(always)]
    fn run<L: PairLanes>(self) {
        self.walk::<L>();
    }
}

impl<S, const P: usize, const V: usize> Tiles<'_, S, P, V> {
    #[inline(always)]
    fn walk<L: Lanes>(self)
    where
        S: Accumulate<L>,
    {
        // Sizes that this instruction set never asks for compile to nothing.
        if P * V > L::ACCUMULATORS && P > 1 {
            return;
        }
        let Self {
            strip,
            target,
            grid,
            columns,
            ..
        } = self;
        for image in 0..grid.images {
            for row in 0..grid.rows {
                let from = image * grid.from_image + row * grid.from_row;
                let to = image * grid.to_image + row * grid.to_row;
                for column in columns.clone().step_by(P) {
                    // SAFETY: `run_grid`'s caller promises the memory of every tile.
                    unsafe {
                        let sums = S::sum::<P, V>(&strip, strip.from.add(from + column * LANES));
                        finish_tile::<L, P, V>(sums, &target, to + column * target.pixel);
                    }
                }
            }
        }
    }
}

/// Stores a tile `at` elements from the target's first pixel, with what its [`Target`] asks for.
///
/// # Safety
/// As [`run_grid`].
#[inline(always)]
pub(crate) unsafe fn finish_tile<L: Lanes, const P: usize, const V: usize>(
    sums: [[L; V]; P],
    target: &Target,
    at: usize,
) {
    for v in 0..V {
        let lanes = if v + 1 == V { target.last_lanes } else { LANES };
        let mut sum = L::zero();
        let mut squares = L::zero();
        for (p, sums) in sums.iter().enumerate() {
            let offset = at + p * target.pixel + v * LANES;
            // SAFETY: as the caller promises; partial vectors touch `lanes` channels only.
            unsafe {
                let to = target.to.add(offset);
                let mut value = sums[v];
                if target.accumulate {
                    value = value.add(load::<L>(to, lanes));
                }
                if let Some(finish) = &target.finish {
                    if !finish.shift.is_null() {
                        value = value.add(L::load(finish.shift.add(v * LANES)));
                    }
                    if !finish.residual.is_null() {
                        value = value.add(load::<L>(finish.residual.add(offset), lanes));
                    }
                    value = finish.activation.apply(value);
                    sum = sum.add(value);
                    squares = squares.fma(value, value);
                }
                store::<L>(value, to, lanes);
            }
        }
        if let Some(finish) = &target.finish
            && !finish.moments.is_null()
        {
            // SAFETY: whole vectors of sums and of squares.
            unsafe {
                sum.add_to_f64(finish.moments.add(v * LANES));
                squares.add_to_f64(finish.moments.add(finish.square_step + v * LANES));
            }
        }
    }
}
