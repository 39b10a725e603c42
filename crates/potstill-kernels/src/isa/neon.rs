//! NEON: four registers hold the sixteen lanes. Part of every 64-bit ARM processor, so nothing is detected.

// SAFETY of every block below: NEON belongs to every machine of this architecture; pointers are as the trait's callers
// promise.
#![allow(clippy::undocumented_unsafe_blocks)]
// The names of intrinsics carry their own prefix; a list of thirty would say nothing.
#![allow(clippy::wildcard_imports)]

use std::arch::aarch64::*;

use super::{Kernel, Lanes, Products};

#[derive(Clone, Copy)]
pub(super) struct Quad4([float32x4_t; 4]);

/// Runs a kernel with NEON code.
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Quad4>()
}

/// The same on all four registers of one to three vectors.
macro_rules! each {
    ($operation:expr; $a:expr $(, $other:expr)*) => {
        unsafe {
            Quad4([
                $operation($a.0[0] $(, $other.0[0])*),
                $operation($a.0[1] $(, $other.0[1])*),
                $operation($a.0[2] $(, $other.0[2])*),
                $operation($a.0[3] $(, $other.0[3])*),
            ])
        }
    };
}

impl Products for Quad4 {
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([unsafe { vdupq_n_f32(value) }; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe {
            Self([
                vld1q_f32(from),
                vld1q_f32(from.add(4)),
                vld1q_f32(from.add(8)),
                vld1q_f32(from.add(12)),
            ])
        }
    }
    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        each!(vfmaq_f32; self, a, b)
    }
}

impl Lanes for Quad4 {
    // 24 of 32 registers; four hold weights, one a pixel.
    const ACCUMULATORS: usize = 6;
    const GRADIENT_ACCUMULATORS: usize = Self::ACCUMULATORS;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            vst1q_f32(to, self.0[0]);
            vst1q_f32(to.add(4), self.0[1]);
            vst1q_f32(to.add(8), self.0[2]);
            vst1q_f32(to.add(12), self.0[3]);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(vaddq_f32; self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(vsubq_f32; self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(vmulq_f32; self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        each!(vdivq_f32; self, other)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(vsqrtq_f32; self)
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // A NaN on either side stays.
        each!(vmaxq_f32; self, floor)
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        each!(vminq_f32; self, ceiling)
    }
    #[inline(always)]
    fn select_above(self, threshold: Self, above: Self, below: Self) -> Self {
        macro_rules! select {
            ($value:expr, $threshold:expr, $above:expr, $below:expr) => {
                unsafe { vbslq_f32(vcgtq_f32($value, $threshold), $above, $below) }
            };
        }
        let (a, b, c, d) = (self.0, threshold.0, above.0, below.0);
        Self([
            select!(a[0], b[0], c[0], d[0]),
            select!(a[1], b[1], c[1], d[1]),
            select!(a[2], b[2], c[2], d[2]),
            select!(a[3], b[3], c[3], d[3]),
        ])
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        macro_rules! shift {
            ($value:expr) => {
                unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32($value))) }
            };
        }
        let lanes = self.0;
        Self([
            shift!(lanes[0]),
            shift!(lanes[1]),
            shift!(lanes[2]),
            shift!(lanes[3]),
        ])
    }
    #[inline(always)]
    unsafe fn add_to_f64(self, to: *mut f64) {
        for (i, quarter) in self.0.into_iter().enumerate() {
            unsafe {
                let to = to.add(4 * i);
                let low = vcvt_f64_f32(vget_low_f32(quarter));
                vst1q_f64(to, vaddq_f64(vld1q_f64(to), low));
                let to = to.add(2);
                vst1q_f64(to, vaddq_f64(vld1q_f64(to), vcvt_high_f64_f32(quarter)));
            }
        }
    }
}
