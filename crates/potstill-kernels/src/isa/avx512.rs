//! AVX-512: one register holds the sixteen lanes.

// SAFETY of every block below: the methods of this module are only reached through `run`, whose caller has detected
// AVX-512F, AVX2 and FMA; pointers are as the trait's callers promise.
#![allow(clippy::undocumented_unsafe_blocks)]
// The names of intrinsics carry their own prefix; a list of thirty would say nothing.
#![allow(clippy::wildcard_imports)]

use std::arch::x86_64::*;

use super::{Kernel, LANES, Lanes, Products};

#[derive(Clone, Copy)]
pub(super) struct Zmm(pub(super) __m512);

/// Runs a kernel with AVX-512 code.
///
/// # Safety
/// The machine has AVX-512F, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Zmm>()
}

impl Products for Zmm {
    const COLUMNS: usize = 3;

    #[inline(always)]
    fn zero() -> Self {
        Self(unsafe { _mm512_setzero_ps() })
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }
}

impl Lanes for Zmm {
    const ACCUMULATORS: usize = 16;
    const GRADIENT_ACCUMULATORS: usize = 24;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // The instruction returns its second operand when either is NaN.
        Self(unsafe { _mm512_max_ps(floor.0, self.0) })
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Self(unsafe { _mm512_min_ps(ceiling.0, self.0) })
    }
    #[inline(always)]
    fn select_above(self, threshold: Self, above: Self, below: Self) -> Self {
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, threshold.0);
            Self(_mm512_mask_blend_ps(mask, below.0, above.0))
        }
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        Self(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0))) })
    }
    #[inline(always)]
    unsafe fn add_to_f64(self, to: *mut f64) {
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0)));
            _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), _mm512_cvtps_pd(low)));
            let to = to.add(8);
            _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), _mm512_cvtps_pd(high)));
        }
    }
    #[inline(always)]
    fn total(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut quads = rows;
        // Squares of four by four inside the quarters of the registers.
        for group in quads.chunks_exact_mut(4) {
            let [a, b, c, d] = [group[0].0, group[1].0, group[2].0, group[3].0];
            unsafe {
                let ab = [_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)].map(|ab| _mm512_castps_pd(ab));
                let cd = [_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)].map(|cd| _mm512_castps_pd(cd));
                group[0] = Self(_mm512_castpd_ps(_mm512_unpacklo_pd(ab[0], cd[0])));
                group[1] = Self(_mm512_castpd_ps(_mm512_unpackhi_pd(ab[0], cd[0])));
                group[2] = Self(_mm512_castpd_ps(_mm512_unpacklo_pd(ab[1], cd[1])));
                group[3] = Self(_mm512_castpd_ps(_mm512_unpackhi_pd(ab[1], cd[1])));
            }
        }
        let mut turned = rows;
        // Then the quarters themselves.
        for j in 0..4 {
            let [a, b, c, d] = [quads[j].0, quads[4 + j].0, quads[8 + j].0, quads[12 + j].0];
            unsafe {
                let low = [
                    _mm512_shuffle_f32x4::<0x44>(a, b),
                    _mm512_shuffle_f32x4::<0x44>(c, d),
                ];
                let high = [
                    _mm512_shuffle_f32x4::<0xee>(a, b),
                    _mm512_shuffle_f32x4::<0xee>(c, d),
                ];
                turned[j] = Self(_mm512_shuffle_f32x4::<0x88>(low[0], low[1]));
                turned[4 + j] = Self(_mm512_shuffle_f32x4::<0xdd>(low[0], low[1]));
                turned[8 + j] = Self(_mm512_shuffle_f32x4::<0x88>(high[0], high[1]));
                turned[12 + j] = Self(_mm512_shuffle_f32x4::<0xdd>(high[0], high[1]));
            }
        }
        turned
    }
    #[inline(always)]
    unsafe fn load_partial(from: *const f32, count: usize) -> Self {
        Self(unsafe { _mm512_maskz_loadu_ps(first(count), from) })
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) }
    }
}

/// The mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1_u32 << count) - 1) as __mmask16
}
