//! Weights of a depthwise convolution: `[block of 16 channels][kernel position]` lines, one channel per lane.

use super::shape::ConvShape;
use crate::isa::LANES;
use crate::scratch::{Line, Scratch};

/// Packs `[c, 1, kh, kw]` weights, times a factor per channel if given.
pub(crate) fn pack(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Scratch {
    let area = shape.kernel[0] * shape.kernel[1];
    let mut lines = Scratch::zeroed(shape.c_out.div_ceil(LANES) * area);
    for (channel, kernel) in weight.chunks(area).enumerate() {
        let factor = scale.map_or(1.0, |s| s[channel]);
        for (line, value) in lines[channel / LANES * area..].iter_mut().zip(kernel) {
            line.0[channel % LANES] = value * factor;
        }
    }
    lines
}

/// Adds up `count` packed parts, in order, and writes the sums as `[c, 1, kh, kw]` weights.
pub(crate) fn sum_and_unpack(shape: &ConvShape, parts: &[Line], count: usize, weight: &mut [f32]) {
    let area = shape.kernel[0] * shape.kernel[1];
    let part = shape.c_out.div_ceil(LANES) * area;
    for (channel, kernel) in weight.chunks_mut(area).enumerate() {
        for (position, value) in kernel.iter_mut().enumerate() {
            let line = channel / LANES * area + position;
            *value = (0..count)
                .map(|i| parts[i * part + line].0[channel % LANES])
                .sum();
        }
    }
}
