//! Norms of rows and divergences of their softmaxes against plain loops in double precision, on every instruction set.

#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{Isa, Pool, row_norms, row_norms_backward, softmax_divergence};

const SHAPES: [(usize, usize); 6] = [(1, 1), (3, 7), (5, 16), (130, 33), (70, 64), (4, 4096)];

/// Runs `check` on every instruction set, with one thread and with three: the bits must not depend on the threads.
fn everywhere(check: impl Fn(&Pool) -> Vec<f32>) {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| isa.with(|| check(&Pool::new(threads))).unwrap());
        assert_eq!(one, three, "{isa:?}");
    }
}

#[test]
fn norms() {
    for (rows, columns) in SHAPES {
        let mut x = numbers(rows * columns, 1);
        // A row of nothing has the floor for its length, and no gradient.
        x[..columns].fill(0.0);
        let slopes = numbers(rows, 2);
        let length = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let lengths: Vec<f64> = x.chunks(columns).map(|row| length(row).max(1e-12)).collect();
        let gradient = |(i, &x): (usize, &f32)| {
            let row = i / columns;
            if lengths[row] > 1e-12 {
                f64::from(x) * f64::from(slopes[row]) / lengths[row]
            } else {
                0.0
            }
        };
        let expected: Vec<f64> = x.iter().enumerate().map(gradient).collect();
        everywhere(|pool| {
            let (mut found, mut back) = (Vec::new(), Vec::new());
            row_norms(&x, columns, 1e-12, &mut found, pool).unwrap();
            close(&found, &lengths, 1e-6, "lengths");
            assert_eq!(found[0], 1e-12);
            row_norms_backward(&x, columns, 1e-12, [&found, &slopes], &mut back, pool).unwrap();
            close(&back, &expected, 1e-6, "gradient");
            found.extend(back);
            found
        });
    }
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = row
        .iter()
        .map(|&x| (f64::from(x) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|x| x / sum).collect()
}

#[test]
fn divergences() {
    for (rows, columns) in SHAPES {
        let stretched =
            |seed, by: f32| -> Vec<f32> { numbers(rows * columns, seed).iter().map(|x| by * x).collect() };
        let (scores, mut targets) = (stretched(3, 3.0), stretched(4, 60.0));
        // The last column of the first row has no chance.
        targets[columns - 1] = if columns > 1 { -1e4 } else { 0.0 };
        let (mut divergence, mut expected) = (0.0, Vec::new());
        for (ours, theirs) in scores.chunks(columns).zip(targets.chunks(columns)) {
            for (ours, theirs) in softmax(ours).into_iter().zip(softmax(theirs)) {
                divergence += if theirs > 0.0 {
                    theirs * (theirs / ours).ln()
                } else {
                    0.0
                };
                expected.push(0.25 * (ours - theirs));
            }
        }
        everywhere(|pool| {
            let mut gradient = Vec::new();
            let found = softmax_divergence(&scores, &targets, columns, 0.25, &mut gradient, pool).unwrap();
            assert!(
                (found - divergence).abs() <= 1e-5 * divergence.max(1.0),
                "{found} is not {divergence}"
            );
            close(&gradient, &expected, 1e-6, "gradient");
            gradient
        });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let pool = Pool::new(1);
    let (x, mut out) = (numbers(6, 5), Vec::new());
    assert!(row_norms(&x, 0, 1e-12, &mut out, &pool).is_err());
    assert!(row_norms(&x, 4, 1e-12, &mut out, &pool).is_err());
    assert!(row_norms_backward(&x, 3, 1e-12, [&[1.0], &[1.0]], &mut out, &pool).is_err());
    assert!(softmax_divergence(&x, &x[..3], 3, 1.0, &mut out, &pool).is_err());
    assert!(softmax_divergence(&x, &x, 0, 1.0, &mut out, &pool).is_err());
    assert!(softmax_divergence(&x, &x, 3, 1.0, &mut [0.0; 3], &pool).is_err());
}
