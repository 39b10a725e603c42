//! AVX2 with FMA: two registers hold the sixteen lanes.

// SAFETY of every block below: the methods of this module are only reached through `run`, whose caller has detected
// AVX2 and FMA; pointers are as the trait's callers promise.
#![allow(clippy::undocumented_unsafe_blocks)]
// The names of intrinsics carry their own prefix; a list of thirty would say nothing.
#![allow(clippy::wildcard_imports)]

use std::arch::x86_64::*;

use super::{Kernel, LANES, Lanes, Products};

#[derive(Clone, Copy)]
pub(super) struct Ymm2(__m256, __m256);

/// Runs a kernel with AVX2 code.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Ymm2>()
}

impl Products for Ymm2 {
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn zero() -> Self {
        unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        let all = unsafe { _mm256_set1_ps(value) };
        Self(all, all)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        unsafe {
            Self(
                _mm256_fmadd_ps(a.0, b.0, self.0),
                _mm256_fmadd_ps(a.1, b.1, self.1),
            )
        }
    }
}

impl Lanes for Ymm2 {
    const ACCUMULATORS: usize = 6;
    const GRADIENT_ACCUMULATORS: usize = Self::ACCUMULATORS;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
    }
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // The instruction returns its second operand when either is NaN.
        unsafe { Self(_mm256_max_ps(floor.0, self.0), _mm256_max_ps(floor.1, self.1)) }
    }
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        unsafe { Self(_mm256_min_ps(ceiling.0, self.0), _mm256_min_ps(ceiling.1, self.1)) }
    }
    #[inline(always)]
    fn select_above(self, threshold: Self, above: Self, below: Self) -> Self {
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, threshold.0);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, threshold.1);
            Self(
                _mm256_blendv_ps(below.0, above.0, low),
                _mm256_blendv_ps(below.1, above.1, high),
            )
        }
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        unsafe {
            let low = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
            let high = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.1));
            Self(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high))
        }
    }
    #[inline(always)]
    unsafe fn add_to_f64(self, to: *mut f64) {
        unsafe {
            let quarters = [
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
                _mm256_castps256_ps128(self.1),
                _mm256_extractf128_ps::<1>(self.1),
            ];
            for (i, quarter) in quarters.into_iter().enumerate() {
                let to = to.add(4 * i);
                _mm256_storeu_pd(to, _mm256_add_pd(_mm256_loadu_pd(to), _mm256_cvtps_pd(quarter)));
            }
        }
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let half = |first: usize, high: bool| {
            std::array::from_fn(|i| {
                let row = rows[first + i];
                if high { row.1 } else { row.0 }
            })
        };
        let upper = [transpose8(half(0, false)), transpose8(half(0, true))];
        let lower = [transpose8(half(8, false)), transpose8(half(8, true))];
        std::array::from_fn(|column| {
            let (side, at) = (column / 8, column % 8);
            Self(upper[side][at], lower[side][at])
        })
    }
}

/// Eight rows of eight to eight columns.
#[inline(always)]
fn transpose8(rows: [__m256; 8]) -> [__m256; 8] {
    let mut quads = rows;
    // Squares of four by four inside the halves of the registers.
    for group in quads.chunks_exact_mut(4) {
        let [a, b, c, d] = [group[0], group[1], group[2], group[3]];
        unsafe {
            let ab = [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)].map(|ab| _mm256_castps_pd(ab));
            let cd = [_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)].map(|cd| _mm256_castps_pd(cd));
            group[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab[0], cd[0]));
            group[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab[0], cd[0]));
            group[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab[1], cd[1]));
            group[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab[1], cd[1]));
        }
    }
    let mut turned = rows;
    for j in 0..4 {
        unsafe {
            turned[j] = _mm256_permute2f128_ps::<0x20>(quads[j], quads[4 + j]);
            turned[4 + j] = _mm256_permute2f128_ps::<0x31>(quads[j], quads[4 + j]);
        }
    }
    turned
}
