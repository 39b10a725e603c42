//! AVX512-FP16: one register holds sixteen pairs of half-precision numbers.

// SAFETY of every block below: the methods of this module are only reached through `run`, whose caller has detected
// AVX512-FP16 and what it builds on; pointers are as the trait's callers promise.
#![allow(clippy::undocumented_unsafe_blocks)]
// The names of intrinsics carry their own prefix; a list of thirty would say nothing.
#![allow(clippy::wildcard_imports)]
// Loads and stores are of the unaligned kind.
#![allow(clippy::cast_ptr_alignment)]

use std::arch::x86_64::*;

use super::avx512::Zmm;
use super::{LANES, PairKernel, PairLanes, Products};

/// Sixteen pairs of halves. An integer register, as the type of 32 halves cannot be passed through generic code everywhere.
#[derive(Clone, Copy)]
pub(crate) struct ZmmPairs(__m512i);

/// Runs a kernel with AVX512-FP16 code.
///
/// # Safety
/// The machine has AVX512-FP16, AVX-512F and BW, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512bw,avx512fp16,avx2,fma")]
pub(super) unsafe fn run<K: PairKernel>(kernel: K) {
    kernel.run::<Zmm>();
}

impl Products for ZmmPairs {
    const COLUMNS: usize = 3;

    #[inline(always)]
    fn zero() -> Self {
        Self(unsafe { _mm512_setzero_si512() })
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_epi32(value.to_bits().cast_signed()) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_si512(from.cast()) })
    }
    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        Self(unsafe {
            let [sum, a, b] = [self.0, a.0, b.0].map(|v| _mm512_castsi512_ph(v));
            _mm512_castph_si512(_mm512_fmadd_ph(a, b, sum))
        })
    }
}

impl PairLanes for Zmm {
    type Pair = ZmmPairs;

    #[inline(always)]
    fn add_pairs(self, pairs: ZmmPairs) -> Self {
        unsafe {
            let low = _mm512_cvtepi32_epi16(pairs.0);
            let high = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(pairs.0));
            let both = _mm512_add_ps(_mm512_cvtph_ps(low), _mm512_cvtph_ps(high));
            Self(_mm512_add_ps(self.0, both))
        }
    }
    #[inline(always)]
    unsafe fn store_pairs(from: *const f32, count: usize, to: *mut f32) {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe {
            let mask = ((1_u64 << count) - 1) as u32;
            let low = _mm512_maskz_loadu_ps(mask as u16, from);
            let high = _mm512_maskz_loadu_ps((mask >> LANES) as u16, from.wrapping_add(LANES));
            let to = to.cast::<__m256i>();
            _mm256_storeu_si256(to, _mm512_cvtps_ph::<NEAREST>(low));
            _mm256_storeu_si256(to.add(1), _mm512_cvtps_ph::<NEAREST>(high));
        }
    }
}
