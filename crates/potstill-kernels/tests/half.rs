//! Frozen convolutions in half precision against the definition in double precision. Where a machine has no AVX512-FP16, and for
//! depthwise and grouped convolutions, both precisions are the same code.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod reference;

use numbers::{close, numbers};
use potstill_kernels::{Activation, ConvShape, Isa, PackedConv, Pool, Precision};
use reference::Reference;

/// Odd channels, tails in every dimension, strides, large kernels, long sums, pointwise rows, maps smaller than the kernel.
fn shapes() -> Vec<ConvShape> {
    let dense =
        |n, size, c_in, c_out, k, s, p| ConvShape::new(n, size, c_in, c_out, k).with_stride_padding(s, p);
    vec![
        dense(2, [32, 32], 3, 16, 3, 1, 1),
        dense(3, [16, 16], 16, 16, 3, 1, 1),
        dense(2, [32, 32], 16, 32, 3, 2, 1),
        dense(2, [16, 17], 32, 32, 3, 1, 1),
        dense(2, [9, 8], 33, 65, 3, 2, 1),
        dense(3, [9, 8], 32, 64, 1, 2, 0),
        dense(17, [1, 1], 1000, 10, 1, 1, 0),
        dense(1, [56, 60], 17, 5, 1, 1, 0),
        dense(1, [40, 40], 3, 24, 7, 2, 3),
        dense(1, [9, 9], 70, 33, 5, 1, 2),
        dense(4, [1, 1], 6, 7, 3, 1, 1),
        dense(1, [5, 5], 1, 1, 5, 1, 0),
        dense(33, [4, 4], 600, 80, 3, 2, 1),
    ]
}

fn run(shape: &ConvShape, precision: Precision, pool: &Pool) -> (Vec<f32>, Vec<f64>) {
    let reference = Reference::new(shape);
    let scale: Vec<f32> = numbers(shape.c_out, 4).iter().map(|v| 1.0 + 0.5 * v).collect();
    let shift = numbers(shape.c_out, 5);
    let residual = numbers(shape.output_len(), 6);
    let packed = PackedConv::new(shape, &reference.weight, &scale, &shift, precision).unwrap();
    let mut out = vec![f32::NAN; shape.output_len()];
    let size = [shape.n, shape.h, shape.w];
    packed
        .forward(
            size,
            &reference.x,
            Some(&residual),
            Activation::Leaky(0.25),
            &mut out,
            pool,
        )
        .unwrap();
    let expected = reference.y.iter().enumerate().map(|(i, y)| {
        let channel = i % shape.c_out;
        let v = y * f64::from(scale[channel]) + f64::from(shift[channel]) + f64::from(residual[i]);
        if v > 0.0 { v } else { 0.25 * v }
    });
    let expected = expected.collect();
    (out, expected)
}

#[test]
fn half_precision_is_near_the_definition() {
    let pool = Pool::new(2);
    for shape in shapes() {
        let (out, expected) = run(&shape, Precision::Half, &pool);
        close(&out, &expected, 2e-3, &format!("half {shape:?}"));
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for shape in shapes() {
        let results = [1, 2, 5].map(|threads| run(&shape, Precision::Half, &Pool::new(threads)).0);
        assert!(results[0] == results[1] && results[0] == results[2], "{shape:?}");
    }
}

#[test]
fn groups_and_other_instruction_sets_stay_in_single_precision() {
    let pool = Pool::new(2);
    let same = |shape: &ConvShape| {
        let [single, half] =
            [Precision::Single, Precision::Half].map(|precision| run(shape, precision, &pool).0);
        assert_eq!(single, half, "{shape:?}");
    };
    let narrow = ConvShape::new(2, [12, 12], 32, 32, 3).with_stride_padding(1, 1);
    same(&narrow.with_groups(4));
    same(&narrow.with_groups(32));
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::Avx512) {
        isa.with(|| same(&narrow)).unwrap();
    }
}
