//! GFLOP/s of one core for the convolutions of small residual networks, beside a peak loop of the same run.
//!
//! `cargo run --release -p potstill-kernels --example throughput [FILTER]`; `POTSTILL_CPU` chooses the instruction set.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod shapes;

use std::time::{Duration, Instant};

use potstill_kernels::{
    Activation, BatchNormBackward, ConvShape, Epilogue, GateSource, Isa, Moments, PackedConv, Pool,
    Precision, bn_apply, bn_backward, conv_backward_data, conv_backward_weight, conv_forward, peak_gflops,
};
use shapes::{name, numbers, shapes};

/// Nanoseconds of a call: the fastest of many, as other programs only ever make a call slower.
fn fastest(mut body: impl FnMut()) -> f64 {
    const ENOUGH: Duration = Duration::from_millis(150);
    body();
    let (began, mut best) = (Instant::now(), Duration::MAX);
    while began.elapsed() < ENOUGH {
        let call = Instant::now();
        body();
        best = best.min(call.elapsed());
    }
    best.as_secs_f64() * 1e9
}

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let pool = Pool::new(1);
    let peak = peak_gflops(Isa::current(), 1).unwrap_or(f64::NAN);
    println!("{}, peak {peak:.0} GFLOP/s", Isa::current().name());
    println!(
        "{:<26} {:>8} {:>8} {:>8} {:>8} {:>8}   GFLOP/s",
        "shape", "forward", "frozen", "half", "data", "weight"
    );
    for shape in shapes() {
        let name = name(&shape);
        if name.contains(&filter) {
            let [forward, frozen, half, data, weight] = rates(&shape, &pool);
            let share = 100.0 * (forward + data + weight) / (3.0 * peak);
            println!(
                "{name:<26} {forward:>8.0} {frozen:>8.0} {half:>8.0} {data:>8.0} {weight:>8.0} {share:>7.0} %"
            );
        }
    }
    if "norm".contains(&filter) {
        norm(&pool);
    }
}

fn rates(shape: &ConvShape, pool: &Pool) -> [f64; 5] {
    let (x, weight, dy) = (
        numbers(shape.input_len()),
        numbers(shape.weight_len()),
        numbers(shape.output_len()),
    );
    let (mut dx, mut dw, mut out) = (x.clone(), weight.clone(), dy.clone());
    let (scale, shift) = (vec![1.0; shape.c_out], vec![0.1; shape.c_out]);
    let packed = [Precision::Single, Precision::Half]
        .map(|precision| PackedConv::new(shape, &weight, &scale, &shift, precision).unwrap());
    let mut moments = Moments::default();
    let forward = fastest(|| {
        conv_forward(
            shape,
            &x,
            &weight,
            Epilogue::Statistics(&mut moments),
            &mut out,
            pool,
        )
        .unwrap();
    });
    let size = [shape.n, shape.h, shape.w];
    let [frozen, half] = packed.map(|packed| {
        fastest(|| {
            packed
                .forward(size, &x, None, Activation::Relu, &mut out, pool)
                .unwrap();
        })
    });
    let data = fastest(|| conv_backward_data(shape, &dy, &weight, &mut dx, pool).unwrap());
    let weight = fastest(|| conv_backward_weight(shape, &x, &dy, &mut dw, pool).unwrap());
    [forward, frozen, half, data, weight].map(|time| shape.flops() as f64 / time)
}

/// Bytes per nanosecond of the batch norm sweeps, counted once per map read or written.
fn norm(pool: &Pool) {
    println!(
        "{:<26} {:>8} {:>8} {:>8}   GB/s",
        "batch norm", "apply", "+res", "backward"
    );
    for (pixels, channels) in [
        (64 * 1024, 16),
        (64 * 256, 32),
        (64 * 64, 64),
        (64 * 64, 256),
        (64 * 49, 24),
    ] {
        let len = pixels * channels;
        let (y, dz, residual) = (vec![0.5_f32; len], vec![0.1_f32; len], vec![0.2_f32; len]);
        let (mut z, mut dy) = (vec![0.0; len], vec![0.0; len]);
        let (scale, shift) = (vec![1.0; channels], vec![0.1; channels]);
        let relu = Activation::Relu;
        let apply = fastest(|| bn_apply(&y, &scale, &shift, None, relu, &mut z, pool).unwrap());
        let add = fastest(|| bn_apply(&y, &scale, &shift, Some(&residual), relu, &mut z, pool).unwrap());
        let args = BatchNormBackward {
            y: &y,
            dz: &dz,
            gate: GateSource::Output(&z),
            mean: &shift,
            inv_std: &scale,
            gamma: &scale,
            beta: &shift,
            activation: relu,
            batch_statistics: true,
        };
        let backward = fastest(|| _ = bn_backward(&args, &mut dy, None, pool).unwrap());
        let rate = |maps: usize, time: f64| (maps * len * 4) as f64 / time;
        println!(
            "{:<26} {:>8.1} {:>8.1} {:>8.1}",
            format!("{pixels}x{channels}"),
            rate(2, apply),
            rate(3, add),
            rate(7, backward)
        );
    }
}
