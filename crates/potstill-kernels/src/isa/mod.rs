//! Instruction sets: which one runs, and the sixteen-lane vector that every kernel is written with.
//!
//! A kernel is a [`Kernel`] whose body is generic over [`Lanes`]. [`dispatch`] enters a function that carries the
//! instruction set's `target_feature`, into which the body and the vector methods are inlined: no call inside a loop.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::KernelError;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_half;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

/// Channels in a block: the lanes of a [`Lanes`] vector on every instruction set.
pub(crate) const LANES: usize = 16;

/// An instruction set with its own kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain arrays; the compiler vectorises for the target's baseline (SSE2).
    Portable,
    /// 128-bit vectors of 64-bit ARM.
    Neon,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

thread_local! {
    static OVERRIDE: Cell<Option<Isa>> = const { Cell::new(None) };
}

impl Isa {
    /// Every instruction set, narrowest first.
    const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// The instruction sets that this machine has, narrowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The one that kernels called from this thread use: the widest available, or what the environment variable
    /// `POTSTILL_CPU` (`avx512`, `avx2`, `neon`, `portable`) names, or what [`Isa::with`] set. A name that cannot be honoured is
    /// ignored here; [`Isa::from_environment`] reports it.
    pub fn current() -> Self {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        OVERRIDE.get().unwrap_or_else(|| {
            *CHOSEN.get_or_init(|| {
                Self::from_environment()
                    .ok()
                    .flatten()
                    .unwrap_or_else(Self::widest)
            })
        })
    }

    /// What `POTSTILL_CPU` asks for; `None` when it is not set.
    ///
    /// # Errors
    /// [`KernelError::Isa`] when the name is unknown or the machine lacks that instruction set.
    pub fn from_environment() -> Result<Option<Self>, KernelError> {
        let Ok(name) = std::env::var("POTSTILL_CPU") else {
            return Ok(None);
        };
        let named = Self::ALL
            .into_iter()
            .find(|isa| isa.name() == name && isa.is_available());
        named.map(Some).ok_or(KernelError::Isa { name })
    }

    /// Runs `body` with the kernels of this instruction set, for comparisons and tests.
    ///
    /// # Errors
    /// [`KernelError::Isa`] when the machine lacks it.
    pub fn with<R>(self, body: impl FnOnce() -> R) -> Result<R, KernelError> {
        struct Restore(Option<Isa>);
        impl Drop for Restore {
            fn drop(&mut self) {
                OVERRIDE.set(self.0);
            }
        }
        if !self.is_available() {
            return Err(KernelError::Isa {
                name: self.name().to_owned(),
            });
        }
        let _restore = Restore(OVERRIDE.replace(Some(self)));
        Ok(body())
    }

    /// The name that `POTSTILL_CPU` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn widest() -> Self {
        Self::ALL
            .into_iter()
            .rfind(|isa| isa.is_available())
            .unwrap_or(Self::Portable)
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let (avx2, avx512) = (
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            is_x86_feature_detected!("avx512f"),
        );
        #[cfg(not(target_arch = "x86_64"))]
        let (avx2, avx512) = (false, false);
        match self {
            Self::Portable => true,
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Avx2 => avx2,
            Self::Avx512 => avx2 && avx512,
        }
    }

    /// How many sixteen-lane accumulators a tile keeps in registers.
    pub(crate) fn accumulators(self) -> usize {
        match self {
            Self::Portable => portable::ACCUMULATORS,
            Self::Neon | Self::Avx2 => 6,
            Self::Avx512 => 16,
        }
    }

    /// The same for the tiles of the weight gradient, which need no room for weights.
    pub(crate) fn gradient_accumulators(self) -> usize {
        match self {
            Self::Avx512 => 24,
            _ => self.accumulators(),
        }
    }

    /// Rows, and vectors of columns, of the tiles of a matrix product: what the accumulators hold.
    pub(crate) fn product_tile(self) -> [usize; 2] {
        match self {
            Self::Avx512 => [8, 3],
            _ => [self.accumulators(), 1],
        }
    }

    /// How many kernel columns a tile takes at once.
    pub(crate) fn columns(self) -> usize {
        if self == Self::Avx512 { 3 } else { 1 }
    }

    /// Whether its products are fast enough for the transforms to pay.
    pub(crate) fn has_winograd(self) -> bool {
        self != Self::Portable
    }

    /// Whether half-precision arithmetic is there, for [`PairLanes`].
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_pairs(self) -> bool {
        self == Self::Avx512 && is_x86_feature_detected!("avx512fp16") && is_x86_feature_detected!("avx512bw")
    }

    /// Whether half-precision arithmetic is there, for [`PairLanes`].
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn has_pairs(self) -> bool {
        false
    }

    /// How many vectors of output channels a tile carries; two need registers that only AVX-512 has.
    pub(crate) fn vectors(self) -> usize {
        if self == Self::Avx512 { 2 } else { 1 }
    }
}

/// What an inner loop of products needs of a vector of sixteen elements. Pointers need no alignment.
///
/// # Safety
/// The methods may use the instruction set's instructions: they must run only inside [`dispatch`] or [`dispatch_pairs`].
pub(crate) trait Products: Copy {
    /// Kernel columns that a tile takes at once: three need registers for their weights.
    const COLUMNS: usize;

    fn zero() -> Self;
    fn splat(value: f32) -> Self;
    /// # Safety
    /// Sixteen readable elements at `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// `self + a * b`, rounded once where the hardware can.
    fn fma(self, a: Self, b: Self) -> Self;
}

/// Sixteen `f32` lanes.
pub(crate) trait Lanes: Products {
    /// How many of these a tile may keep in registers.
    const ACCUMULATORS: usize;
    /// The same for the weight gradient.
    const GRADIENT_ACCUMULATORS: usize;
    /// # Safety
    /// Sixteen writable elements at `to`.
    unsafe fn store(self, to: *mut f32);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// The larger one; a NaN in `self` stays.
    fn at_least(self, floor: Self) -> Self;
    /// The smaller one; a NaN in `self` stays.
    fn at_most(self, ceiling: Self) -> Self;
    /// `above` where `self > threshold`, else `below`.
    fn select_above(self, threshold: Self, above: Self, below: Self) -> Self;
    /// The bits moved up by 23: turns the integer in a float's low mantissa bits into an exponent.
    fn shift_to_exponent(self) -> Self;
    /// Adds every lane to sixteen doubles.
    ///
    /// # Safety
    /// Sixteen readable and writable elements at `to`.
    unsafe fn add_to_f64(self, to: *mut f64);

    /// The sum of the lanes.
    #[inline(always)]
    fn total(self) -> f32 {
        let mut lanes = [0.0; LANES];
        // SAFETY: there is room for sixteen.
        unsafe { self.store(lanes.as_mut_ptr()) };
        folded(lanes, |a, b| a + b)
    }

    /// The largest lane; of NaN any number.
    #[inline(always)]
    fn largest(self) -> f32 {
        let mut lanes = [0.0; LANES];
        // SAFETY: there is room for sixteen.
        unsafe { self.store(lanes.as_mut_ptr()) };
        folded(lanes, f32::max)
    }

    /// Lane `c` of vector `r` becomes lane `r` of vector `c`.
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut square = [[0.0; LANES]; LANES];
        let mut turned = [Self::zero(); LANES];
        for (row, line) in rows.into_iter().zip(&mut square) {
            // SAFETY: a line has sixteen elements.
            unsafe { row.store(line.as_mut_ptr()) };
        }
        for (column, turned) in turned.iter_mut().enumerate() {
            let lanes = square.map(|row| row[column]);
            // SAFETY: as above.
            *turned = unsafe { Self::load(lanes.as_ptr()) };
        }
        turned
    }

    /// The first `count` lanes, zero in the others.
    ///
    /// # Safety
    /// `count <= 16` readable elements at `from`.
    #[inline(always)]
    unsafe fn load_partial(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller gives `count` readable elements, and `count` fits the array.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `count <= 16` writable elements at `to`.
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller gives `count` writable elements, and `count` fits the array.
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }
}

/// Sixteen numbers taken together two by two.
#[inline(always)]
fn folded(mut lanes: [f32; LANES], together: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = together(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// The first `lanes` elements at `from`: a plain load when that is all of them.
///
/// # Safety
/// `lanes <= 16` readable elements at `from`.
#[inline(always)]
pub(crate) unsafe fn load<L: Lanes>(from: *const f32, lanes: usize) -> L {
    // SAFETY: as the caller promises.
    unsafe {
        if lanes == LANES {
            L::load(from)
        } else {
            L::load_partial(from, lanes)
        }
    }
}

/// Writes the first `lanes` lanes to `to`: a plain store when that is all of them.
///
/// # Safety
/// `lanes <= 16` writable elements at `to`.
#[inline(always)]
pub(crate) unsafe fn store<L: Lanes>(value: L, to: *mut f32, lanes: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        if lanes == LANES {
            value.store(to);
        } else {
            value.store_partial(to, lanes);
        }
    }
}

/// A piece of work written once for every vector type.
pub(crate) trait Kernel {
    /// What the work returns.
    type Output;
    /// The work. Must be `#[inline(always)]`, like everything it calls in a loop.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs a kernel with the given instruction set.
#[inline]
pub(crate) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        // SAFETY: a vector instruction set only becomes current after its detection (`is_available`).
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::run(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::run(kernel) },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::run(kernel),
        _ => kernel.run::<portable::Array16>(),
    }
}

/// Lanes that can also multiply pairs of half-precision numbers, sixteen pairs at a time.
pub(crate) trait PairLanes: Lanes {
    /// Sixteen elements of two halves each, passed around as the bits of an `f32`.
    type Pair: Products;
    /// `self` plus both halves of every pair.
    fn add_pairs(self, pairs: Self::Pair) -> Self;
    /// Rounds 32 numbers to halves and writes them as sixteen pairs.
    ///
    /// # Safety
    /// `count <= 32` readable elements at `from`, sixteen writable ones at `to`; what is missing becomes zero.
    unsafe fn store_pairs(from: *const f32, count: usize, to: *mut f32);
}

/// A [`Kernel`] on lanes that know pairs of halves.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "no lanes there know pairs")
)]
pub(crate) trait PairKernel {
    /// The work. Must be `#[inline(always)]`, like everything it calls in a loop.
    fn run<L: PairLanes>(self);
}

/// Runs a kernel on pairs of halves. Nothing happens on a machine without them ([`Isa::has_pairs`]).
#[inline]
pub(crate) fn dispatch_pairs<K: PairKernel>(isa: Isa, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if isa.has_pairs() {
        // SAFETY: the instructions were detected.
        unsafe { avx512_half::run(kernel) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (isa, kernel);
}
