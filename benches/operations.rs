//! Every kernel over the shapes that the small networks are made of, on one thread.
//!
//! In this folder `cargo bench` for all, `cargo bench -- 'conv/forward/3x3 s1 64->64'` for some;
//! `POTSTILL_CPU` chooses the instruction set. Throughputs are in operations a second (two for each multiply-add) for
//! convolutions, in bytes read and written for sweeps: beside them stand the peak that `potstill bench` prints, and the memory's.
//! Compiled by the lints, never run by them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that cannot go on stops")]

#[path = "../crates/potstill-kernels/examples/shapes/mod.rs"]
mod shapes;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use potstill_kernels::{
    Activation, AdamW, BatchNormBackward, Epilogue, GateInputs, GateSource, GatedSum, Moments, PackedConv,
    Pool, PooledError, Precision, Sgd, bn_apply, bn_backward, conv_backward_data, conv_backward_weight,
    conv_forward,
};
use shapes::{IMAGES, name, numbers, shapes};

fn convolutions(c: &mut Criterion) {
    let pool = Pool::new(1);
    for pass in ["forward", "frozen", "data", "weight"] {
        let mut group = c.benchmark_group(format!("conv/{pass}"));
        for shape in shapes() {
            let (x, weight) = (numbers(shape.input_len()), numbers(shape.weight_len()));
            let dy = numbers(shape.output_len());
            let (scale, shift) = (vec![1.0; shape.c_out], vec![0.1; shape.c_out]);
            let packed = PackedConv::new(&shape, &weight, &scale, &shift, Precision::Single).unwrap();
            let (mut out, mut dw) = (Vec::new(), weight.clone());
            let mut moments = Moments::default();
            group.throughput(Throughput::Elements(shape.flops()));
            group.bench_function(name(&shape), |b| match pass {
                "forward" => b.iter(|| {
                    let epilogue = Epilogue::Statistics(&mut moments);
                    conv_forward(&shape, &x, &weight, epilogue, &mut out, &pool).unwrap();
                }),
                "frozen" => b.iter(|| {
                    let size = [shape.n, shape.h, shape.w];
                    packed
                        .forward(size, &x, None, Activation::Relu, &mut out, &pool)
                        .unwrap();
                }),
                "data" => b.iter(|| conv_backward_data(&shape, &dy, &weight, &mut out, &pool).unwrap()),
                _ => b.iter(|| conv_backward_weight(&shape, &x, &dy, &mut dw, &pool).unwrap()),
            });
        }
    }
}

fn batch_norm(c: &mut Criterion) {
    let pool = Pool::new(1);
    let mut group = c.benchmark_group("batch norm");
    for (pixels, channels) in [(16 * 1024, 16), (16 * 256, 32), (16 * 64, 64), (16 * 49, 24)] {
        let len = pixels * channels;
        let (y, dz, residual) = (numbers(len), numbers(len), numbers(len));
        let (scale, shift) = (vec![1.0; channels], vec![0.1; channels]);
        let (mut z, mut dy, mut gated) = (Vec::new(), Vec::new(), Vec::new());
        let relu = Activation::Relu;
        let bytes = |maps: usize| Throughput::Bytes((maps * len * 4) as u64);
        group.throughput(bytes(3));
        group.bench_function(format!("apply, add, relu {pixels}x{channels}"), |b| {
            b.iter(|| bn_apply(&y, &scale, &shift, Some(&residual), relu, &mut z, &pool).unwrap());
        });
        let arguments = BatchNormBackward {
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
        group.throughput(bytes(8));
        group.bench_function(format!("backward {pixels}x{channels}"), |b| {
            b.iter(|| bn_backward(&arguments, &mut dy, Some(&mut gated), &pool).unwrap());
        });
    }
}

fn optimizers(c: &mut Criterion) {
    let pool = Pool::new(1);
    let mut group = c.benchmark_group("optimizer");
    let len = 1 << 20;
    let gradients = numbers(len);
    let (mut parameters, mut first, mut second) = (numbers(len), vec![0.0; len], vec![0.0; len]);
    let sgd = Sgd {
        learning_rate: 1e-6,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 5e-4,
        ..Sgd::default()
    };
    group.throughput(Throughput::Bytes(5 * 4 * len as u64));
    group.bench_function("sgd, nesterov", |b| {
        b.iter(|| {
            sgd.step(&mut parameters, &gradients, &mut first, false, &pool)
                .unwrap();
        });
    });
    let adam = AdamW {
        learning_rate: 1e-6,
        ..AdamW::default()
    };
    group.throughput(Throughput::Bytes(7 * 4 * len as u64));
    group.bench_function("adamw", |b| {
        b.iter(|| {
            let state = [&mut first[..], &mut second[..]];
            adam.step(&mut parameters, &gradients, state, 7, &pool).unwrap();
        });
    });
}

fn whole_maps(c: &mut Criterion) {
    let pool = Pool::new(1);
    let mut group = c.benchmark_group("review");
    let [size, channels] = [32, 64];
    let len = IMAGES * size * size * channels;
    let (map, target) = (numbers(len), vec![0.2; len]);
    let plan = PooledError::new(
        [IMAGES, size, size, channels],
        1.0,
        &[(4, 0.5), (2, 0.25), (1, 0.125)],
    )
    .unwrap();
    group.throughput(Throughput::Bytes(2 * 4 * len as u64));
    group.bench_function("pooled error, forward", |b| {
        b.iter(|| plan.forward(&map, &target, &pool).unwrap());
    });
    let (_, sums) = plan.forward(&map, &target, &pool).unwrap();
    let mut out = Vec::new();
    group.throughput(Throughput::Bytes(3 * 4 * len as u64));
    group.bench_function("pooled error, backward", |b| {
        b.iter(|| plan.backward(&map, &target, &sums, 1.0, &mut out, &pool).unwrap());
    });
    let shape = GatedSum {
        images: IMAGES,
        size: [size; 2],
        from: [size / 2; 2],
        channels,
    };
    let (y, weight) = (numbers(len / 4), numbers(4 * channels));
    let inputs = GateInputs {
        x: &map,
        y: &y,
        weight: &weight,
        bias: &[0.1, -0.1],
    };
    group.throughput(Throughput::Bytes(2 * 4 * len as u64));
    group.bench_function("gated sum, forward", |b| {
        b.iter(|| shape.forward(&inputs, &mut out, &pool).unwrap());
    });
    let gates = shape.forward(&inputs, &mut out, &pool).unwrap();
    group.throughput(Throughput::Bytes(3 * 4 * len as u64));
    group.bench_function("gated sum, backward", |b| {
        b.iter(|| shape.backward(&inputs, &gates, &target, &pool).unwrap());
    });
}

criterion_group! {
    name = operations;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(1));
    targets = convolutions, batch_norm, optimizers, whole_maps
}
criterion_main!(operations);
