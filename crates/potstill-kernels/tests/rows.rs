//! Norms of rows, divergences and cross-entropies of their softmaxes, and focal losses of their sigmoids, against plain loops in double precision, on every instruction set.

#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{
    FocalLoss, Isa, Pool, row_norms, row_norms_backward, softmax_cross_entropy, softmax_divergence,
};

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

/// Rows of some weight each, every fifth of none.
fn weights(rows: usize) -> Vec<f32> {
    let weight = |row: usize| [0.5, 0.5, 2.0, 2.0, 0.0][row % 5];
    (0..rows).map(weight).collect()
}

#[test]
fn cross_entropies() {
    for (rows, columns) in [(1, 1), (3, 7), (5, 16), (1300, 11), (17, 33), (4, 4096)] {
        let scores: Vec<f32> = numbers(rows * columns, 5).iter().map(|x| 20.0 * x).collect();
        let weights = weights(rows);
        // A row that takes no part may have any label.
        let label = |row: usize| {
            if weights[row] == 0.0 {
                255
            } else {
                row * 3 % columns
            }
        };
        let labels: Vec<u32> = (0..rows).map(|row| label(row) as u32).collect();
        let (mut sum, mut expected) = (0.0, Vec::new());
        for (row, scores) in scores.chunks(columns).enumerate() {
            let weight = f64::from(weights[row]);
            for (column, p) in softmax(scores).into_iter().enumerate() {
                let is_label = column == labels[row] as usize;
                sum -= if is_label && weight > 0.0 {
                    weight * p.ln()
                } else {
                    0.0
                };
                expected.push(weight * (p - f64::from(u8::from(is_label))));
            }
        }
        everywhere(|pool| {
            let mut gradient = Vec::new();
            let found =
                softmax_cross_entropy(&scores, columns, &labels, &weights, &mut gradient, pool).unwrap();
            assert!((found - sum).abs() <= 1e-5 * sum.max(1.0), "{found} is not {sum}");
            close(&gradient, &expected, 1e-6, "gradient");
            gradient
        });
    }
}

#[test]
fn focal_losses() {
    for (inverted, (rows, columns)) in [
        (false, (1, 1)),
        (false, (600, 6)),
        (true, (600, 6)),
        (false, (19, 91)),
    ] {
        let mut logits: Vec<f32> = numbers(rows * columns, 6).iter().map(|x| 8.0 * x).collect();
        // Sure enough to leave the range of an exponential.
        logits[0] = -120.0;
        let weights = weights(rows);
        let target = |row: usize| row.is_multiple_of(4).then_some(row % columns);
        let targets: Vec<_> = (0..rows).map(target).collect();
        let (mut sum, mut expected) = (0.0, Vec::new());
        for (i, &x) in logits.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let is_target = targets[row] == Some(column);
            let sigmoid = 1.0 / (1.0 + (-f64::from(x)).exp());
            // The probability of the answer that is asked for, and how it follows the logit.
            let aims_up = is_target != inverted;
            let (p, direction) = if aims_up {
                (sigmoid, 1.0)
            } else {
                (1.0 / (1.0 + f64::from(x).exp()), -1.0)
            };
            let factor = f64::from(weights[row]) * if is_target { 0.25 } else { 0.75 };
            let log = p.max(f64::MIN_POSITIVE).ln();
            sum -= factor * (1.0 - p).powi(2) * log;
            expected.push(direction * factor * (1.0 - p).powi(2) * (2.0 * p * log - (1.0 - p)));
        }
        everywhere(|pool| {
            let mut gradient = Vec::new();
            let loss = FocalLoss {
                alpha: 0.25,
                inverted,
            };
            let found = loss
                .of_rows(&logits, columns, &targets, &weights, &mut gradient, pool)
                .unwrap();
            assert!((found - sum).abs() <= 2e-6 * sum.max(1.0), "{found} is not {sum}");
            close(&gradient, &expected, 1e-6, "gradient");
            gradient
        });
    }
}

#[test]
fn losses_of_odd_rows_are_refused() {
    let (x, pool) = ([0.0; 6], Pool::new(1));
    let mut out = Vec::new();
    assert!(softmax_cross_entropy(&x, 3, &[0, 3], &[1.0, 1.0], &mut out, &pool).is_err());
    assert!(softmax_cross_entropy(&x, 3, &[0, 1], &[1.0], &mut out, &pool).is_err());
    assert!(softmax_cross_entropy(&x, 0, &[], &[], &mut out, &pool).is_err());
    let loss = FocalLoss {
        alpha: 0.25,
        inverted: false,
    };
    assert!(loss.of_rows(&x, 4, &[None], &[1.0], &mut out, &pool).is_err());
    assert!(
        loss.of_rows(&x, 3, &[None, None], &[1.0], &mut out, &pool)
            .is_err()
    );
}
