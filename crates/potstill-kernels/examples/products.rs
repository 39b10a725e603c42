//! GFLOP/s of one core for the matrix products of transformers, beside a peak loop of the same run.
//!
//! `cargo run --release -p potstill-kernels --example products [FILTER]`; `POTSTILL_CPU` chooses the instruction set.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use potstill_kernels::{Isa, LinearEnding, LinearShape, PackedLinear, Pool, peak_gflops};

/// Nanoseconds of processor time of a call, where the system counts them: the time that other programs take does not matter.
fn time_of(mut body: impl FnMut()) -> f64 {
    const ENOUGH: Duration = Duration::from_millis(400);
    body();
    let (began, mut calls) = (Instant::now(), 0);
    let before = processor_time();
    while began.elapsed() < ENOUGH {
        body();
        calls += 1;
    }
    let spent = match (before, processor_time()) {
        (Some(before), Some(after)) => (after - before) as f64,
        _ => began.elapsed().as_secs_f64() * 1e9,
    };
    spent / f64::from(calls)
}

/// Nanoseconds that this thread has computed, by Linux.
fn processor_time() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    counts.split_whitespace().next()?.parse().ok()
}

/// Rows, inputs and outputs: DeiT-Ti and ViT-B on 16 and 8 images, Swin-T's stages on one, a classifier.
const SHAPES: [(usize, usize, usize); 12] = [
    (3152, 192, 576),
    (3152, 192, 192),
    (3152, 192, 768),
    (3152, 768, 192),
    (1576, 768, 2304),
    (1576, 768, 3072),
    (1576, 3072, 768),
    (3136, 96, 288),
    (3136, 96, 384),
    (784, 768, 192),
    (49, 768, 3072),
    (16, 192, 1000),
];

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let pool = Pool::new(1);
    let peak = peak_gflops(Isa::current(), 1).unwrap_or(f64::NAN);
    println!("{}, peak {peak:.0} GFLOP/s", Isa::current().name());
    println!(
        "{:<18} {:>8} {:>8} {:>8} {:>8}   GFLOP/s, mean share of the peak",
        "rows x in x out", "forward", "frozen", "data", "weight"
    );
    for (rows, inputs, outputs) in SHAPES {
        let name = format!("{rows}x{inputs}x{outputs}");
        if name.contains(&filter) {
            let rates = rates(
                &LinearShape {
                    rows,
                    inputs,
                    outputs,
                },
                &pool,
            );
            let share = 100.0 * rates.iter().sum::<f64>() / (rates.len() as f64 * peak);
            let [forward, frozen, data, weight] = rates;
            println!("{name:<18} {forward:>8.0} {frozen:>8.0} {data:>8.0} {weight:>8.0} {share:>7.0} %");
        }
    }
}

fn rates(shape: &LinearShape, pool: &Pool) -> [f64; 4] {
    let LinearShape {
        rows,
        inputs,
        outputs,
    } = *shape;
    let (x, weight, dy) = (
        vec![0.5; rows * inputs],
        vec![0.25; outputs * inputs],
        vec![0.125; rows * outputs],
    );
    let (mut y, mut y2, mut dx, mut dw) = (dy.clone(), dy.clone(), x.clone(), weight.clone());
    let packed = PackedLinear::new([outputs, inputs], &weight, pool).unwrap();
    let times = [
        time_of(|| {
            shape
                .forward(&x, &weight, LinearEnding::default(), &mut y[..], pool)
                .unwrap();
        }),
        time_of(|| {
            packed
                .forward(rows, &x, LinearEnding::default(), &mut y2[..], pool)
                .unwrap();
        }),
        time_of(|| shape.backward_data(&dy, &weight, &mut dx[..], pool).unwrap()),
        time_of(|| shape.backward_weight(&x, &dy, &mut dw[..], pool).unwrap()),
    ];
    times.map(|time| (2 * rows * inputs * outputs) as f64 / time)
}
