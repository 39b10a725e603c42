//! The inner loop of forward and backward-data: how the elements of a strip become the sums of a tile.

use super::stencil::Run;
use super::tile::Strip;
use crate::isa::{LANES, Lanes, Products};

/// Input channels per turn of the inner loop.
const UNROLL: usize = 4;

/// How the elements of a strip become the sums of a tile.
pub(crate) trait Accumulate<L> {
    /// The sums of one tile.
    ///
    /// # Safety
    /// As [`run_grid`](super::tile::run_grid).
    unsafe fn sum<const P: usize, const V: usize>(strip: &Strip, from: *const f32) -> [[L; V]; P];
}

/// One channel an element, every lane reads all.
pub(crate) struct Dense;
/// One channel an element, every lane reads its own.
pub(crate) struct Depthwise;

impl<L: Lanes> Accumulate<L> for Dense {
    #[inline(always)]
    unsafe fn sum<const P: usize, const V: usize>(strip: &Strip, from: *const f32) -> [[L; V]; P] {
        let mut sums = [[L::zero(); V]; P];
        let mut weights = strip.weights;
        let mut block = from;
        // SAFETY: taps stay inside the packed row's neighbourhood, panels hold every tap and channel.
        unsafe {
            for _ in 0..strip.full_blocks {
                weights = add_block::<L, P, V>(&mut sums, strip, block, weights, LANES);
                // After the last block this lies beyond the image, and is not read.
                block = block.wrapping_add(strip.block);
            }
            if strip.last_channels > 0 {
                add_block::<L, P, V>(&mut sums, strip, block, weights, strip.last_channels);
            }
        }
        sums
    }
}

impl<L: Lanes> Accumulate<L> for Depthwise {
    #[inline(always)]
    unsafe fn sum<const P: usize, const V: usize>(strip: &Strip, from: *const f32) -> [[L; V]; P] {
        let mut sums = [[L::zero(); V]; P];
        for tap in strip.taps {
            // SAFETY: taps stay inside the packed row's neighbourhood; there is a line of weights per kernel position.
            unsafe {
                let from = from.add(tap.row * strip.row + tap.line * LANES);
                let w = L::load(strip.weights.add(tap.kernel * LANES));
                for (p, sum) in sums.iter_mut().enumerate() {
                    sum[0] = sum[0].fma(L::load(from.add(p * LANES)), w);
                }
            }
        }
        sums
    }
}

/// Adds `channels` input channels of every tap; returns where the weights go on.
///
/// # Safety
/// As [`run_grid`](super::tile::run_grid).
#[inline(always)]
unsafe fn add_block<L: Products, const P: usize, const V: usize>(
    sums: &mut [[L; V]; P],
    strip: &Strip,
    block: *const f32,
    mut weights: *const f32,
    channels: usize,
) -> *const f32 {
    // SAFETY: as the caller promises.
    unsafe {
        for run in strip.runs {
            weights = add_run::<L, P, V>(sums, strip, block, run, weights, channels);
        }
        weights
    }
}

/// Adds `channels` input channels of one run of taps; returns where the weights go on.
///
/// # Safety
/// As [`run_grid`](super::tile::run_grid).
#[inline(always)]
pub(super) unsafe fn add_run<L: Products, const P: usize, const V: usize>(
    sums: &mut [[L; V]; P],
    strip: &Strip,
    block: *const f32,
    run: &Run,
    weights: *const f32,
    channels: usize,
) -> *const f32 {
    // SAFETY: as the caller promises.
    unsafe {
        let from = block.add(run.row * strip.row + run.line * LANES);
        match run.columns {
            3 if L::COLUMNS >= 3 => add_columns::<L, P, V, 3>(sums, from, weights, channels),
            2 if L::COLUMNS >= 2 => add_columns::<L, P, V, 2>(sums, from, weights, channels),
            _ => add_channels::<L, P, V>(sums, from, weights, channels),
        }
    }
}

/// Adds `channels` input channels of `R` taps side by side: a pixel is read once for all of them. Returns where the weights
/// go on.
///
/// # Safety
/// As [`run_grid`](super::tile::run_grid).
#[inline(always)]
unsafe fn add_columns<L: Products, const P: usize, const V: usize, const R: usize>(
    sums: &mut [[L; V]; P],
    from: *const f32,
    weights: *const f32,
    channels: usize,
) -> *const f32 {
    let tap = channels * V * LANES;
    for channel in 0..channels {
        let mut w = [[L::zero(); V]; R];
        // SAFETY: `P + R - 1` pixels from `from`, `R` panels of `channels * V` lines.
        unsafe {
            for (r, w) in w.iter_mut().enumerate() {
                for (v, w) in w.iter_mut().enumerate() {
                    *w = L::load(weights.add(r * tap + (channel * V + v) * LANES));
                }
            }
            // Written out, as the compiler would keep a loop of this length and the sums in memory.
            macro_rules! pixels {
                ($($q:literal)*) => {
                    $(if $q < P + R - 1 {
                        let x = L::splat(*from.add($q * LANES + channel));
                        for (r, w) in w.iter().enumerate() {
                            if $q >= r && $q - r < P {
                                for (sum, w) in sums[$q - r].iter_mut().zip(w) {
                                    *sum = sum.fma(x, *w);
                                }
                            }
                        }
                    })*
                };
            }
            pixels!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17);
        }
    }
    // SAFETY: the panels of `R` taps.
    unsafe { weights.add(R * tap) }
}

/// Adds `channels` input channels of one tap; returns where the weights go on.
///
/// # Safety
/// As [`run_grid`](super::tile::run_grid).
#[inline(always)]
unsafe fn add_channels<L: Products, const P: usize, const V: usize>(
    sums: &mut [[L; V]; P],
    from: *const f32,
    weights: *const f32,
    channels: usize,
) -> *const f32 {
    // SAFETY: `P` lines from `from`, `channels * V` lines of weights.
    unsafe {
        let mut channel = 0;
        while channel + UNROLL <= channels {
            for next in channel..channel + UNROLL {
                add_channel::<L, P, V>(sums, from.add(next), weights.add(next * V * LANES));
            }
            channel += UNROLL;
        }
        while channel < channels {
            add_channel::<L, P, V>(sums, from.add(channel), weights.add(channel * V * LANES));
            channel += 1;
        }
        weights.add(channels * V * LANES)
    }
}

/// Adds one input channel of one tap.
///
/// # Safety
/// As [`run_grid`](super::tile::run_grid).
#[inline(always)]
unsafe fn add_channel<L: Products, const P: usize, const V: usize>(
    sums: &mut [[L; V]; P],
    from: *const f32,
    weights: *const f32,
) {
    let mut w = [L::zero(); V];
    // SAFETY: `P` pixels from `from`, `V` lines of weights.
    unsafe {
        for (v, w) in w.iter_mut().enumerate() {
            *w = L::load(weights.add(v * LANES));
        }
        for (p, sums) in sums.iter_mut().enumerate() {
            let x = L::splat(*from.add(p * LANES));
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = sum.fma(x, w);
            }
        }
    }
}
