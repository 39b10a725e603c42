//! What the multiply-add units of this machine can do at most: the yardstick beside every throughput.
//!
//! A loop on registers alone, in assembly so that nothing is reordered, spilled or left out: independent chains, as many as
//! latency times ports, no memory.

use std::time::Instant;

use crate::Isa;

/// Turns of the loop in one burst: some tenths of a millisecond.
const TURNS: u32 = 100_000;
/// Bursts of which the fastest counts, so that what other programs take in between does not.
const BURSTS: usize = 40;

/// GFLOP/s (10^9 operations a second, a multiply-add being two) of `threads` threads working at the same time with this
/// instruction set. None if the machine lacks it, or on an architecture for which no loop is written.
pub fn peak_gflops(isa: Isa, threads: usize) -> Option<f64> {
    if !Isa::available().contains(&isa) || !MEASURED {
        return None;
    }
    let of_one = || {
        (0..BURSTS).fold(0.0_f64, |fastest, _| {
            let began = Instant::now();
            let operations = burst(isa);
            fastest.max(operations / began.elapsed().as_secs_f64() / 1e9)
        })
    };
    let rates = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(of_one)).collect();
        let own = of_one();
        // The loop cannot panic.
        others
            .into_iter()
            .filter_map(|other| other.join().ok())
            .fold(own, |sum, rate| sum + rate)
    });
    Some(rates)
}

/// Whether this architecture has a loop below. Interpreters cannot run assembly.
const MEASURED: bool = cfg!(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
));

/// Runs the loop once; how many operations that was.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn burst(isa: Isa) -> f64 {
    // Ten chains of fused multiply-adds: a latency of four cycles, two ports.
    macro_rules! fused {
        ($r:literal) => {
            // SAFETY: only the named registers and the counter change, and the machine has them: `peak_gflops` looked.
            unsafe {
                std::arch::asm!(
                    // Numbers too small to be normal would slow the loop.
                    "vzeroall",
                    "2:",
                    concat!("vfmadd231ps ", $r, "0, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "1, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "2, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "3, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "4, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "5, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "6, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "7, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "8, ", $r, "12, ", $r, "13"),
                    concat!("vfmadd231ps ", $r, "9, ", $r, "12, ", $r, "13"),
                    "dec {turns:e}",
                    "jnz 2b",
                    turns = inout(reg) TURNS => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options(nomem, nostack),
                );
            }
        };
    }
    let operations_of_a_turn = match isa {
        Isa::Avx512 => {
            fused!("zmm");
            10 * 2 * 16
        }
        Isa::Avx2 => {
            fused!("ymm");
            10 * 2 * 8
        }
        Isa::Portable | Isa::Neon => {
            multiplies_and_adds();
            10 * 4
        }
    };
    f64::from(TURNS) * f64::from(operations_of_a_turn)
}

/// Without a fused instruction: five chains of multiplications, five of additions, in vectors of four.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn multiplies_and_adds() {
    // SAFETY: only the named registers and the counter change; SSE belongs to every machine of this architecture.
    unsafe {
        let zero = std::arch::x86_64::_mm_setzero_ps();
        std::arch::asm!(
            "2:",
            "mulps xmm0, xmm10",
            "addps xmm1, xmm10",
            "mulps xmm2, xmm10",
            "addps xmm3, xmm10",
            "mulps xmm4, xmm10",
            "addps xmm5, xmm10",
            "mulps xmm6, xmm10",
            "addps xmm7, xmm10",
            "mulps xmm8, xmm10",
            "addps xmm9, xmm10",
            "dec {turns:e}",
            "jnz 2b",
            turns = inout(reg) TURNS => _,
            in("xmm10") zero,
            inout("xmm0") zero => _, inout("xmm1") zero => _, inout("xmm2") zero => _,
            inout("xmm3") zero => _, inout("xmm4") zero => _, inout("xmm5") zero => _,
            inout("xmm6") zero => _, inout("xmm7") zero => _, inout("xmm8") zero => _,
            inout("xmm9") zero => _,
            options(nomem, nostack),
        );
    }
}

/// Runs the loop once; how many operations that was. Sixteen chains: a latency of four cycles, up to four ports.
#[cfg(all(target_arch = "aarch64", not(miri)))]
fn burst(_: Isa) -> f64 {
    macro_rules! fused {
        ($($accumulator:literal),*) => {
            // SAFETY: only the named registers and the counter change; NEON belongs to every machine of this architecture.
            unsafe {
                std::arch::asm!(
                    $(concat!("movi v", $accumulator, ".4s, #0"),)*
                    "movi v16.4s, #0",
                    "2:",
                    $(concat!("fmla v", $accumulator, ".4s, v16.4s, v16.4s"),)*
                    "subs {turns:w}, {turns:w}, #1",
                    "b.ne 2b",
                    turns = inout(reg) TURNS => _,
                    out("v0") _, out("v1") _, out("v2") _, out("v3") _,
                    out("v4") _, out("v5") _, out("v6") _, out("v7") _,
                    out("v8") _, out("v9") _, out("v10") _, out("v11") _,
                    out("v12") _, out("v13") _, out("v14") _, out("v15") _,
                    out("v16") _,
                    options(nomem, nostack),
                );
            }
        };
    }
    fused!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    f64::from(TURNS) * f64::from(16 * 2 * 4)
}

/// No loop is written for this architecture.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn burst(_: Isa) -> f64 {
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_instruction_set_has_a_peak() {
        for isa in Isa::available() {
            let peak = peak_gflops(isa, 2);
            assert_eq!(peak.is_some(), MEASURED, "{}", isa.name());
            assert!(
                peak.is_none_or(|peak| peak.is_finite() && peak > 0.0),
                "{}",
                isa.name()
            );
        }
    }
}
