//! Dense convolution in half precision: elements are pairs of channels, and a vector of sixteen holds 32 products.
//!
//! A pair of input channels takes the place of one channel in single precision: the source is packed as pairs, the weights of
//! two input channels lie beside each other, and the loop over taps and channels is the same. A half has eleven bits, so only
//! short runs of products are added up in it; then both halves of every sum are added to one in single precision.

use super::accumulate::{Accumulate, add_run};
use super::panels::Panels;
use super::shape::ConvShape;
use super::tile::Strip;
use crate::Pool;
use crate::isa::{Isa, LANES, PairKernel, PairLanes, Products, dispatch_pairs};
use crate::scratch::{Line, Scratch};

/// Products that a half adds up at most, if one tap has not more: three taps of 32 channels.
const LONGEST_SUM: usize = 48;

/// Two channels an element, in half precision.
pub(crate) struct HalfPairs;

impl<L: PairLanes> Accumulate<L> for HalfPairs {
    #[inline(always)]
    unsafe fn sum<const P: usize, const V: usize>(strip: &Strip, from: *const f32) -> [[L; V]; P] {
        let mut totals = [[L::zero(); V]; P];
        let mut sums = [[L::Pair::zero(); V]; P];
        let mut products = 0;
        let (mut weights, mut block) = (strip.weights, from);
        let blocks = strip.full_blocks + usize::from(strip.last_channels > 0);
        for index in 0..blocks {
            let channels = if index < strip.full_blocks {
                LANES
            } else {
                strip.last_channels
            };
            for run in strip.runs {
                if products + run.columns * channels > LONGEST_SUM {
                    widen::<L, P, V>(&mut totals, &mut sums);
                    products = 0;
                }
                products += run.columns * channels;
                // SAFETY: taps stay inside the packed row's neighbourhood, panels hold every tap and channel.
                weights =
                    unsafe { add_run::<L::Pair, P, V>(&mut sums, strip, block, run, weights, channels) };
            }
            // After the last block this lies beyond the image, and is not read.
            block = block.wrapping_add(strip.block);
        }
        widen::<L, P, V>(&mut totals, &mut sums);
        totals
    }
}

/// Moves the sums of halves to the totals.
#[inline(always)]
fn widen<L: PairLanes, const P: usize, const V: usize>(
    totals: &mut [[L; V]; P],
    sums: &mut [[L::Pair; V]; P],
) {
    for (totals, sums) in totals.iter_mut().zip(sums) {
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = total.add_pairs(*sum);
            *sum = L::Pair::zero();
        }
    }
}

/// The shape with pairs of input channels for channels.
pub(crate) fn paired(shape: &ConvShape) -> ConvShape {
    ConvShape {
        c_in: shape.c_in.div_ceil(2),
        ..*shape
    }
}

/// `weight: [c_out, c_in, kh, kw]`, times `scale` if given, in the order of the panels of the [`paired`] shape.
pub(crate) fn pack_weights(
    isa: Isa,
    shape: &ConvShape,
    panels: &Panels,
    (weight, scale): (&[f32], Option<&[f32]>),
    pool: &Pool,
) -> Scratch {
    let (area, pairs) = (shape.kernel[0] * shape.kernel[1], shape.c_in.div_ceil(2));
    // Channels of a pair beside each other: [c_out, pairs, kh, kw, 2].
    let mut beside = vec![0.0; shape.c_out * pairs * area * 2];
    for filter in 0..shape.c_out {
        let scale = scale.map_or(1.0, |scale| scale[filter]);
        for channel in 0..shape.c_in {
            for tap in 0..area {
                let from = (filter * shape.c_in + channel) * area + tap;
                let pair = (filter * pairs + channel / 2) * area + tap;
                beside[2 * pair + channel % 2] = weight[from] * scale;
            }
        }
    }
    let mut halves = vec![Line::ZERO; beside.len().div_ceil(2 * LANES)];
    dispatch_pairs(
        isa,
        Halve {
            from: &beside,
            to: &mut halves,
        },
    );
    let mut flat: Vec<f32> = halves.iter().flat_map(|line| line.0).collect();
    flat.truncate(beside.len() / 2);
    let mut lines = Scratch::take(panels.lines());
    panels.pack(&flat, None, &mut lines, pool);
    lines
}

/// Rounds numbers to halves.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "no lanes there know pairs")
)]
struct Halve<'a> {
    from: &'a [f32],
    to: &'a mut [Line],
}

impl PairKernel for Halve<'_> {
    #[inline(always)]
    fn run<L: PairLanes>(self) {
        for (from, to) in self.from.chunks(2 * LANES).zip(self.to) {
            // SAFETY: a chunk has at most 32 elements, a line sixteen pairs.
            unsafe { L::store_pairs(from.as_ptr(), from.len(), to.0.as_mut_ptr()) }
        }
    }
}
