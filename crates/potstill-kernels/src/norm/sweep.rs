//! Walking over a channels-last map by vectors, whatever the number of channels.
//!
//! Channels repeat with the period `lcm(channels, 64)` in the flat map. A sweep takes four neighbouring vectors of a period
//! at a time, keeps what belongs to their channels in registers, and visits all repetitions of a chunk.

use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch};

/// Vectors whose channel values are in registers together.
const TOGETHER: usize = 4;
const STEP: usize = TOGETHER * LANES;
/// Elements of a chunk, about: some streams of it fit a core's caches.
const CHUNK: usize = 16 * 1024;

/// A map cut into chunks. Depends on its shape only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunks {
    pub channels: usize,
    pub period: usize,
    len: usize,
    chunk: usize,
}

impl Chunks {
    /// For a map of `len` elements; `channels` is not zero.
    pub fn new(len: usize, channels: usize) -> Self {
        let period = channels / gcd(channels, STEP) * STEP;
        Self {
            channels,
            period,
            len,
            chunk: period * (CHUNK / period).max(1),
        }
    }

    pub fn count(&self) -> usize {
        self.len.div_ceil(self.chunk)
    }

    /// First element and length of a chunk.
    pub fn chunk(&self, index: usize) -> (usize, usize) {
        let start = index * self.chunk;
        (start, self.chunk.min(self.len - start))
    }

    /// Per-channel values repeated over a period.
    pub fn spread(&self, values: &[f32]) -> Vec<f32> {
        values.iter().copied().cycle().take(self.period).collect()
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What a sweep does with a vector. Methods must be `#[inline(always)]`.
pub(crate) trait Step {
    /// What belongs to a vector's channels: parameters that are read, sums that are kept.
    ///
    /// # Safety
    /// Sixteen values from `at` in everything that is laid out by period.
    unsafe fn enter<L: Lanes>(&self, at: usize) -> [L; 5];

    /// One vector of the map: the first `lanes` elements from `at`, counted from the start of the chunk.
    ///
    /// # Safety
    /// The elements exist in every map of the step.
    unsafe fn step<L: Lanes>(&self, state: &mut [L; 5], at: usize, lanes: usize);

    /// Called after the last repetition of the vector at `at` in the period.
    ///
    /// # Safety
    /// As [`Step::enter`].
    #[inline(always)]
    unsafe fn leave<L: Lanes>(&self, _state: [L; 5], _at: usize) {}
}

/// Runs a step over a chunk of `len` elements that starts at a multiple of the period.
///
/// # Safety
/// The step's maps have `len` elements and its channel values a period.
pub(crate) unsafe fn sweep(isa: Isa, period: usize, len: usize, step: &impl Step) {
    dispatch(isa, Sweep { period, len, step });
}

struct Sweep<'a, S> {
    period: usize,
    len: usize,
    step: &'a S,
}

impl<S: Step> Kernel for Sweep<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { period, len, step } = self;
        for group in (0..period.min(len)).step_by(STEP) {
            let mut states = [[L::zero(); 5]; TOGETHER];
            // SAFETY: `sweep`'s caller promises periods of channel values and `len` elements.
            unsafe {
                for (v, state) in states.iter_mut().enumerate() {
                    *state = step.enter(group + v * LANES);
                }
                let mut at = group;
                while at + STEP <= len {
                    for (v, state) in states.iter_mut().enumerate() {
                        step.step(state, at + v * LANES, LANES);
                    }
                    at += period;
                }
                for (v, state) in states.iter_mut().enumerate() {
                    let lanes = len.saturating_sub(at + v * LANES).min(LANES);
                    if lanes > 0 {
                        step.step(state, at + v * LANES, lanes);
                    }
                }
                for (v, state) in states.into_iter().enumerate() {
                    step.leave(state, group + v * LANES);
                }
            }
        }
    }
}
