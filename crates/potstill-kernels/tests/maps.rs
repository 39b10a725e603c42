//! The losses and sums over whole maps against plain double-precision loops, and their gradients against differences.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{GateInputs, GatedSum, Isa, Pool, PooledError};

fn on_every_isa(body: impl Fn()) {
    for isa in Isa::available() {
        isa.with(&body).unwrap();
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The gradient of `function` by central differences; exact but for rounding where the function is quadratic.
fn differences(at: &[f64], function: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-4;
    let mut moved = at.to_vec();
    (0..at.len())
        .map(|i| {
            let mut value = |by: f64| {
                moved[i] = at[i] + by;
                let value = function(&moved);
                moved[i] = at[i];
                value
            };
            (value(step) - value(-step)) / (2.0 * step)
        })
        .collect()
}

/// The pooled error as its definition says it: pool both maps, subtract, square, average.
fn pooled_error(map: &[f64], target: &[f64], shape: [usize; 4], poolings: &[(usize, f64)]) -> f64 {
    let [n, h, w, c] = shape;
    let bin = |i: usize, length: usize, size: usize| i * length / size..((i + 1) * length).div_ceil(size);
    let mut error = 0.0;
    for &(size, weight) in poolings {
        // Bins of one pixel when there is no pooling.
        let sizes = if size == 0 { [h, w] } else { [size; 2] };
        let mut squares = 0.0;
        for (image, row, column, channel) in (0..n)
            .flat_map(|i| (0..sizes[0]).map(move |r| (i, r)))
            .flat_map(|(i, r)| (0..sizes[1]).map(move |k| (i, r, k)))
            .flat_map(|(i, r, k)| (0..c).map(move |ch| (i, r, k, ch)))
        {
            let (rows, columns) = (bin(row, h, sizes[0]), bin(column, w, sizes[1]));
            let mean = |values: &[f64]| {
                let pixels = rows.clone().flat_map(|r| columns.clone().map(move |k| (r, k)));
                let sum: f64 = pixels
                    .map(|(r, k)| values[((image * h + r) * w + k) * c + channel])
                    .sum();
                sum / (rows.len() * columns.len()) as f64
            };
            squares += (mean(map) - mean(target)).powi(2);
        }
        error += weight * squares / (n * sizes[0] * sizes[1] * c) as f64;
    }
    error
}

#[test]
fn errors_of_pooled_maps_and_their_gradients() {
    let pool = Pool::new(2);
    let cases = [
        ([1, 1, 1, 3], &[][..]),
        ([2, 8, 8, 17], &[(4, 0.5), (2, 0.25), (1, 0.125)][..]),
        // Bins that overlap, in both directions.
        ([3, 7, 5, 4], &[(4, 0.3), (2, 0.2), (1, 0.1)][..]),
        ([2, 3, 6, 16], &[(3, 1.0)][..]),
    ];
    for (shape, poolings) in cases {
        on_every_isa(|| {
            let len = shape.iter().product();
            let (map, target) = (numbers(len, 1), numbers(len, 2));
            let (wide, wide_target) = (doubles(&map), doubles(&target));
            let with_whole = [&[(0, 0.7)], poolings].concat();
            let value = |map: &[f64]| pooled_error(map, &wide_target, shape, &with_whole);
            let plan = PooledError::new(shape, 0.7, poolings).unwrap();
            let (error, sums) = plan.forward(&map, &target, &pool).unwrap();
            assert!((error - value(&wide)).abs() < 1e-6 * value(&wide), "{shape:?}");
            let mut gradient = Vec::new();
            plan.backward(&map, &target, &sums, 3.0, &mut gradient, &pool)
                .unwrap();
            let expected: Vec<f64> = differences(&wide, value)
                .iter()
                .map(|slope| 3.0 * slope)
                .collect();
            let largest = expected
                .iter()
                .fold(0.0_f64, |largest, slope| largest.max(slope.abs()));
            for (ours, theirs) in gradient.iter().zip(&expected) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-5 * largest, "{shape:?}");
            }
        });
    }
}

/// The gated sum as its definition says it, in one list of numbers: x, y, weight, bias.
fn gated_sum(shape: &GatedSum, all: &[f64]) -> Vec<f64> {
    let GatedSum {
        images,
        size: [h, w],
        from: [rows, columns],
        channels: c,
    } = *shape;
    let (x, rest) = all.split_at(images * h * w * c);
    let (y, rest) = rest.split_at(images * rows * columns * c);
    let (weight, bias) = rest.split_at(4 * c);
    let mut sum = Vec::new();
    for (image, row, column) in
        (0..images).flat_map(|i| (0..h).flat_map(move |r| (0..w).map(move |k| (i, r, k))))
    {
        let x = &x[((image * h + row) * w + column) * c..][..c];
        let y = &y[((image * rows + row * rows / h) * columns + column * columns / w) * c..][..c];
        let gate = |which: usize| {
            let read = x
                .iter()
                .chain(y)
                .zip(&weight[2 * which * c..])
                .map(|(a, b)| a * b);
            1.0 / (1.0 + (-(read.sum::<f64>() + bias[which])).exp())
        };
        let (zero, one) = (gate(0), gate(1));
        sum.extend(x.iter().zip(y).map(|(x, y)| zero * x + one * y));
    }
    sum
}

#[test]
fn gated_sums_and_their_gradients() {
    let pool = Pool::new(2);
    for (size, from, channels) in [
        ([1, 1], [1, 1], 3),
        ([5, 4], [2, 3], 17),
        ([4, 4], [4, 4], 16),
        ([6, 2], [3, 1], 33),
    ] {
        on_every_isa(|| {
            let shape = GatedSum {
                images: 3,
                size,
                from,
                channels,
            };
            let lengths = [
                3 * size[0] * size[1] * channels,
                3 * from[0] * from[1] * channels,
                4 * channels,
                2,
            ];
            let [x, y, weight, bias] = [0, 1, 2, 3].map(|i| numbers(lengths[i], 30 + i as u64));
            let inputs = GateInputs {
                x: &x,
                y: &y,
                weight: &weight,
                bias: &bias,
            };
            let all = doubles(&[&x[..], &y, &weight, &bias].concat());
            let mut sum = Vec::new();
            let gates = shape.forward(&inputs, &mut sum, &pool).unwrap();
            close(&sum, &gated_sum(&shape, &all), 1e-6, &format!("{shape:?}"));
            let gradient = numbers(lengths[0], 40);
            let slopes = differences(&all, |all| {
                gated_sum(&shape, all)
                    .iter()
                    .zip(&gradient)
                    .map(|(z, g)| z * f64::from(*g))
                    .sum()
            });
            let found = shape.backward(&inputs, &gates, &gradient, &pool).unwrap();
            let found = [&found.x[..], &found.y, &found.weight, &found.bias].concat();
            close(&found, &slopes, 1e-5, &format!("gradients of {shape:?}"));
        });
    }
}

#[test]
fn empty_batches_have_no_error_and_no_sum() {
    let pool = Pool::new(2);
    let plan = PooledError::new([0, 4, 4, 3], 1.0, &[(2, 0.5)]).unwrap();
    assert!(plan.forward(&[], &[], &pool).unwrap().0.is_nan());
    let shape = GatedSum {
        images: 0,
        size: [2, 2],
        from: [1, 1],
        channels: 3,
    };
    let (weight, bias) = ([1.0; 12], [0.0; 2]);
    let inputs = GateInputs {
        x: &[],
        y: &[],
        weight: &weight,
        bias: &bias,
    };
    assert!(shape.forward(&inputs, &mut Vec::new(), &pool).unwrap().is_empty());
    assert_eq!(
        shape.backward(&inputs, &[], &[], &pool).unwrap().weight,
        [0.0; 12]
    );
}

#[test]
fn shapes_and_lengths_that_do_not_fit_are_refused() {
    let pool = Pool::new(1);
    assert!(PooledError::new([1, 3, 3, 1], 1.0, &[(4, 1.0)]).is_err());
    assert!(PooledError::new([1, 3, 3, 0], 1.0, &[]).is_err());
    let plan = PooledError::new([1, 2, 2, 1], 1.0, &[]).unwrap();
    assert!(plan.forward(&[0.0; 4], &[0.0; 3], &pool).is_err());
    let shape = GatedSum {
        images: 1,
        size: [1, 1],
        from: [1, 1],
        channels: 2,
    };
    let inputs = GateInputs {
        x: &[0.0; 2],
        y: &[0.0; 2],
        weight: &[0.0; 4],
        bias: &[0.0; 2],
    };
    assert!(shape.forward(&inputs, &mut Vec::new(), &pool).is_err());
}
