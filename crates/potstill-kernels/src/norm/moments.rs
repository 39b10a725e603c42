//! Per-channel sums, and what batch norm makes of them.

use super::sweep::{Chunks, Step, sweep};
use crate::error::expect_length;
use crate::isa::{Isa, Lanes, load};
use crate::scratch::Shared;
use crate::{KernelError, Pool};

/// Sum and sum of squares of every channel, and the number of values in each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moments {
    sum: Vec<f64>,
    square: Vec<f64>,
    count: usize,
}

impl Moments {
    /// Values per channel.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Mean of every channel; zero when there is no value.
    pub fn mean(&self) -> Vec<f32> {
        self.sum.iter().map(|sum| (sum / self.divisor()) as f32).collect()
    }

    /// Biased variance of every channel (mean of squared deviations): what normalises a batch.
    pub fn variance(&self) -> Vec<f32> {
        self.variances(1.0)
    }

    /// Unbiased variance: what PyTorch puts into the running statistics. Not a number for a single value, as there.
    pub fn unbiased_variance(&self) -> Vec<f32> {
        let count = self.count as f64;
        self.variances(count / (count - 1.0))
    }

    /// `1 / sqrt(variance + epsilon)` of every channel, from the biased variance.
    pub fn inv_std(&self, epsilon: f64) -> Vec<f32> {
        let variances = self
            .sum
            .iter()
            .zip(&self.square)
            .map(|(s, q)| self.deviation(*s, *q));
        variances.map(|v| (1.0 / (v + epsilon).sqrt()) as f32).collect()
    }

    fn variances(&self, factor: f64) -> Vec<f32> {
        self.sum
            .iter()
            .zip(&self.square)
            .map(|(s, q)| (self.deviation(*s, *q) * factor) as f32)
            .collect()
    }

    /// Mean of squares minus square of the mean; a NaN stays one.
    fn deviation(&self, sum: f64, square: f64) -> f64 {
        let mean = sum / self.divisor();
        let deviation = square / self.divisor() - mean * mean;
        if deviation < 0.0 { 0.0 } else { deviation }
    }

    fn divisor(&self) -> f64 {
        self.count.max(1) as f64
    }

    /// Zeros for this many channels.
    pub(crate) fn reset(&mut self, channels: usize, count: usize) {
        *self = Self {
            sum: vec![0.0; channels],
            square: vec![0.0; channels],
            count,
        };
    }

    /// Adds the sums of one task, for some channels: sums at the start, squares at `squares_at`.
    pub(crate) fn add(&mut self, first: usize, channels: usize, sums: &[f64], squares_at: usize) {
        for channel in 0..channels {
            self.sum[first + channel] += sums[channel];
            self.square[first + channel] += sums[squares_at + channel];
        }
    }
}

/// Moments of `y: [pixels, channels]`. The convolution's epilogue gives the same without reading `y` again.
///
/// # Errors
/// [`KernelError::Length`] when `channels` is zero or does not divide the length.
pub fn bn_statistics(y: &[f32], channels: usize, pool: &Pool) -> Result<Moments, KernelError> {
    let pixels = y.len() / channels.max(1);
    expect_length("y", pixels * channels.max(1), y.len())?;
    if channels == 0 {
        return Err(KernelError::Shape {
            reason: "batch norm over zero channels".to_owned(),
        });
    }
    let chunks = Chunks::new(y.len(), channels);
    let isa = Isa::current();
    let mut sums = vec![0.0_f64; chunks.count() * 2 * channels];
    let shared = Shared::new(&mut sums);
    pool.run(chunks.count(), |index| {
        let (start, len) = chunks.chunk(index);
        let mut period_sums = vec![0.0_f64; 2 * chunks.period];
        let step = SumStep {
            y: y[start..].as_ptr(),
            sums: period_sums.as_mut_ptr(),
            period: chunks.period,
        };
        // SAFETY: the chunk is inside `y`; every task has sums of its own.
        unsafe {
            sweep(isa, chunks.period, len, &step);
            fold(
                &period_sums,
                channels,
                shared.part(index * 2 * channels, 2 * channels),
            );
        }
    });
    let mut moments = Moments::default();
    moments.reset(channels, pixels);
    for sums in sums.chunks(2 * channels) {
        moments.add(0, channels, sums, channels);
    }
    Ok(moments)
}

/// Adds up the repetitions of each channel in two periods of sums.
pub(crate) fn fold(period_sums: &[f64], channels: usize, to: &mut [f64]) {
    let period = period_sums.len() / 2;
    for (sums, to) in period_sums.chunks(period).zip(to.chunks_mut(channels)) {
        for repetition in sums.chunks(channels) {
            for (to, sum) in to.iter_mut().zip(repetition) {
                *to += sum;
            }
        }
    }
}

struct SumStep {
    y: *const f32,
    sums: *mut f64,
    period: usize,
}

impl Step for SumStep {
    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, _at: usize) -> [L; 5] {
        [L::zero(); 5]
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(&self, state: &mut [L; 5], at: usize, lanes: usize) {
        // SAFETY: as the trait's caller promises; missing lanes are zeros.
        let y = unsafe { load::<L>(self.y.add(at), lanes) };
        state[0] = state[0].add(y);
        state[1] = state[1].fma(y, y);
    }
    #[inline(always)]
    unsafe fn leave<L: Lanes>(&self, state: [L; 5], at: usize) {
        // SAFETY: two periods of sums.
        unsafe {
            state[0].add_to_f64(self.sums.add(at));
            state[1].add_to_f64(self.sums.add(self.period + at));
        }
    }
}

/// Batch norm as one factor and one summand per channel: `scale = gamma * inv_std`, `shift = beta - mean * scale`. With
/// running statistics this is what a frozen convolution folds in.
///
/// # Errors
/// [`KernelError::Length`] when the slices differ in length.
pub fn fold_batch_norm(
    mean: &[f32],
    inv_std: &[f32],
    gamma: &[f32],
    beta: &[f32],
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    expect_length("inv_std", mean.len(), inv_std.len())?;
    expect_length("gamma", mean.len(), gamma.len())?;
    expect_length("beta", mean.len(), beta.len())?;
    let scale: Vec<f32> = gamma.iter().zip(inv_std).map(|(g, s)| g * s).collect();
    let shift = mean
        .iter()
        .zip(beta)
        .zip(&scale)
        .map(|((m, b), s)| b - m * s)
        .collect();
    Ok((scale, shift))
}
