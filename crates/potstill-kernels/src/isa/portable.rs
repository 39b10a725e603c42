//! Plain arrays of sixteen: the compiler vectorises them for the target's baseline.

// SAFETY of every block below: pointers are as the trait's callers promise.
#![allow(clippy::undocumented_unsafe_blocks)]
// Plain index loops over several arrays are what the compiler vectorises best.
#![allow(clippy::needless_range_loop)]

use super::{LANES, Lanes, Products};

/// Sixteen lanes as an array. Aligned like a cache line so that the compiler may use wide moves.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Array16([f32; LANES]);

/// NEON has thirty-two registers of four lanes, SSE2 sixteen.
pub(super) const ACCUMULATORS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 3 };

/// A fused multiply-add is one instruction here, and not a call into the C library.
const HAS_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Array16 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = f(self.0[i], other.0[i]);
        }
        Self(out)
    }
}

impl Products for Array16 {
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; LANES])
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<[f32; LANES]>().read() })
    }
    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        let mut out = self.0;
        for i in 0..LANES {
            out[i] = if HAS_FMA {
                a.0[i].mul_add(b.0[i], out[i])
            } else {
                a.0[i] * b.0[i] + out[i]
            };
        }
        Self(out)
    }
}

impl Lanes for Array16 {
    const ACCUMULATORS: usize = ACCUMULATORS;
    const GRADIENT_ACCUMULATORS: usize = Self::ACCUMULATORS;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write(self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.zip(self, |a, _| a.sqrt())
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        self.zip(floor, |a, floor| if a < floor { floor } else { a })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        self.zip(ceiling, |a, ceiling| if a > ceiling { ceiling } else { a })
    }
    #[inline(always)]
    fn select_above(self, threshold: Self, above: Self, below: Self) -> Self {
        let mut out = below.0;
        for i in 0..LANES {
            out[i] = if self.0[i] > threshold.0[i] {
                above.0[i]
            } else {
                below.0[i]
            };
        }
        Self(out)
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        self.zip(self, |a, _| f32::from_bits(a.to_bits() << 23))
    }
    #[inline(always)]
    unsafe fn add_to_f64(self, to: *mut f64) {
        for (i, lane) in self.0.into_iter().enumerate() {
            unsafe { *to.add(i) += f64::from(lane) }
        }
    }
}
