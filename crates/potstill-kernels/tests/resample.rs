//! Resampling, unpooling and learned slopes on every instruction set against plain loops in double precision, and what they refuse.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{Axis, Isa, KernelError, Pool, Prelu, Resample, UnpoolShape};

fn on_every_isa(body: impl Fn()) {
    for isa in Isa::available() {
        isa.with(&body).unwrap();
    }
}

/// The weight of each old row in each new one, as the definitions say it.
fn linear(from: usize, to: usize) -> Vec<Vec<f64>> {
    let row = |i: usize| {
        let centre = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        (0..from)
            .map(|j| (1.0 - (centre - j as f64).abs()).max(0.0))
            .collect()
    };
    (0..to).map(row).collect()
}

fn means(from: usize, to: usize) -> Vec<Vec<f64>> {
    let row = |i: usize| {
        let bin = i * from / to..((i + 1) * from).div_ceil(to);
        (0..from)
            .map(|j| {
                if bin.contains(&j) {
                    1.0 / bin.len() as f64
                } else {
                    0.0
                }
            })
            .collect()
    };
    (0..to).map(row).collect()
}

fn nearest(from: usize, to: usize) -> Vec<Vec<f64>> {
    let row = |i: usize| {
        (0..from)
            .map(|j| f64::from(u8::from(j == i * from / to)))
            .collect()
    };
    (0..to).map(row).collect()
}

fn product(rows: &[Vec<f64>], columns: &[Vec<f64>], x: &[f32], [images, channels]: [usize; 2]) -> Vec<f64> {
    let (h, w) = (rows[0].len(), columns[0].len());
    let mut out = Vec::new();
    for image in 0..images {
        for row in rows {
            for column in columns {
                out.extend((0..channels).map(|channel| {
                    let at =
                        |y: usize, x_: usize| f64::from(x[((image * h + y) * w + x_) * channels + channel]);
                    let of_row = |y: usize| (0..w).map(|x_| column[x_] * at(y, x_)).sum::<f64>();
                    (0..h).map(|y| row[y] * of_row(y)).sum::<f64>()
                }));
            }
        }
    }
    out
}

fn transposed(weights: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..weights[0].len())
        .map(|j| weights.iter().map(|row| row[j]).collect())
        .collect()
}

type Rows = fn(usize, usize) -> Vec<Vec<f64>>;
type MakeAxis = fn(usize, usize) -> Axis;
const KINDS: [(MakeAxis, Rows); 3] = [
    (Axis::linear, linear),
    (Axis::nearest, nearest),
    (Axis::means, means),
];

#[test]
fn resampling_is_a_product_with_weights_and_so_is_its_gradient() {
    let pool = Pool::new(2);
    on_every_isa(|| {
        for (axis, weights) in KINDS {
            for ([h, w], [height, width], channels) in [
                ([3, 5], [7, 4], 2),
                ([6, 4], [2, 9], 17),
                ([1, 1], [3, 2], 5),
                ([5, 7], [4, 4], 32),
            ] {
                let resample = Resample {
                    images: 2,
                    channels,
                    rows: axis(h, height),
                    columns: axis(w, width),
                };
                let (rows, columns) = (weights(h, height), weights(w, width));
                let (x, dz) = (
                    numbers(resample.input_len(), 1),
                    numbers(resample.output_len(), 2),
                );
                let (mut z, mut dx) = (Vec::new(), Vec::new());
                resample.apply(&x, &mut z, &pool).unwrap();
                close(&z, &product(&rows, &columns, &x, [2, channels]), 2e-6, "forward");
                resample.transposed().apply(&dz, &mut dx, &pool).unwrap();
                let expected = product(&transposed(&rows), &transposed(&columns), &dz, [2, channels]);
                close(&dx, &expected, 2e-6, "backward");
            }
        }
    });
}

#[test]
fn unpooling_undoes_pooling_at_the_first_largest_value() {
    let pool = Pool::new(2);
    let shape = UnpoolShape {
        images: 2,
        size: [5, 7],
        channels: 3,
        window: 2,
    };
    // Few different numbers: many windows have two largest ones.
    let map: Vec<f32> = numbers(shape.map_len(), 3)
        .iter()
        .map(|x| (x * 2.0).round())
        .collect();
    let (mut largest, mut places) = (Vec::new(), vec![0; shape.pooled_len()]);
    shape.pool(&map, &mut largest, &mut places, &pool).unwrap();
    let mut expected = vec![0.0; shape.map_len()];
    for (i, (&value, &place)) in largest.iter().zip(&places).enumerate() {
        let (image, row, column, channel) = (i / 18, i / 9 % 2, i / 3 % 3, i % 3);
        let at =
            |place: usize| ((image * 5 + 2 * row + place / 2) * 7 + 2 * column + place % 2) * 3 + channel;
        let window: Vec<f32> = (0..4).map(|place| map[at(place)]).collect();
        assert_eq!(value, window.iter().copied().fold(f32::MIN, f32::max));
        assert_eq!(
            usize::from(place),
            window.iter().position(|x| *x == value).unwrap()
        );
        expected[at(usize::from(place))] = f64::from(value);
    }
    let mut unpooled = Vec::new();
    shape.unpool(&largest, &places, &mut unpooled, &pool).unwrap();
    close(&unpooled, &expected, 0.0, "unpooled");
    let mut gathered = Vec::new();
    shape.gather(&map, &places, &mut gathered, &pool).unwrap();
    assert_eq!(gathered, largest);
}

#[test]
fn learned_slopes_on_every_instruction_set() {
    let pool = Pool::new(2);
    on_every_isa(|| {
        for (pixels, channels, slopes) in [(5000, 3, 3), (7, 20, 20), (9, 5, 1), (1, 16, 16)] {
            let len = pixels * channels;
            let (x, dy, slopes) = (numbers(len, 1), numbers(len, 2), numbers(slopes, 3));
            let slope = |i: usize| f64::from(slopes[i % channels % slopes.len()]);
            let (mut y, mut dx) = (Vec::new(), Vec::new());
            let kernel = Prelu { channels };
            kernel.forward(&x, &slopes, &mut y, &pool).unwrap();
            let through = |i: usize, to: &[f32]| f64::from(to[i]) * if x[i] > 0.0 { 1.0 } else { slope(i) };
            close(
                &y,
                &(0..len).map(|i| through(i, &x)).collect::<Vec<_>>(),
                1e-6,
                "forward",
            );
            let of_slopes = kernel.backward([&x, &dy], &slopes, &mut dx, &pool).unwrap();
            close(
                &dx,
                &(0..len).map(|i| through(i, &dy)).collect::<Vec<_>>(),
                1e-6,
                "backward",
            );
            let mut sums = vec![0.0; slopes.len()];
            for i in (0..len).filter(|i| x[*i] <= 0.0) {
                sums[i % channels % slopes.len()] += f64::from(x[i]) * f64::from(dy[i]);
            }
            close(&of_slopes, &sums, 1e-5, "slopes");
        }
    });
}

#[test]
fn wrong_arguments_are_errors() {
    let (pool, mut out) = (Pool::new(1), Vec::new());
    let resample = Resample {
        images: 1,
        channels: 2,
        rows: Axis::linear(2, 4),
        columns: Axis::linear(2, 4),
    };
    let refused = resample.apply(&[0.0; 7], &mut out, &pool);
    assert!(matches!(
        refused,
        Err(KernelError::Length { argument: "old", .. })
    ));
    let shape = UnpoolShape {
        images: 1,
        size: [4, 4],
        channels: 1,
        window: 2,
    };
    let refused = shape.unpool(&[0.0; 4], &[0, 1, 2, 4], &mut out, &pool);
    assert!(
        matches!(refused, Err(KernelError::Shape { .. })),
        "there is no place 4 of 4"
    );
    let none = UnpoolShape { window: 0, ..shape };
    assert!(none.pool(&[0.0; 16], &mut out, &mut [0; 16], &pool).is_err());
    let refused = Prelu { channels: 3 }.forward(&[0.0; 6], &[0.1; 2], &mut out, &pool);
    assert!(matches!(refused, Err(KernelError::Shape { .. })));
    let refused = Prelu { channels: 4 }.forward(&[0.0; 6], &[0.1], &mut out, &pool);
    assert!(matches!(refused, Err(KernelError::Length { argument: "x", .. })));
}
