//! Layer norm, sums of columns and activations against plain loops in double precision, on every instruction set.

#![allow(clippy::unwrap_used)]

mod normal;
mod numbers;

use normal::below;
use numbers::{close, numbers};
use potstill_kernels::{Activation, Isa, LayerNorm, Pool, activate, activate_backward, column_sums};

const SHAPES: [(usize, usize); 7] = [
    (1, 1),
    (3, 7),
    (5, 16),
    (130, 33),
    (70, 64),
    (197, 192),
    (4, 1000),
];

/// Runs `check` on every instruction set, with one thread and with three: the bits must not depend on the threads.
fn everywhere(check: impl Fn(&Pool) -> Vec<f32>) {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| isa.with(|| check(&Pool::new(threads))).unwrap());
        assert_eq!(one, three, "{isa:?}");
    }
}

#[test]
fn layer_norms() {
    const EPSILON: f64 = 1e-3;
    for (rows, columns) in SHAPES {
        // Far from zero, where a variance by squares would lose its digits.
        let x: Vec<f32> = numbers(rows * columns, 1).iter().map(|x| x + 30.0).collect();
        let (weight, bias) = (numbers(columns, 2), numbers(columns, 3));
        let dy = numbers(rows * columns, 4);
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let (mut dw, mut db) = (vec![0.0; columns], vec![0.0; columns]);
        for (x, dy) in x.chunks(columns).zip(dy.chunks(columns)) {
            let count = columns as f64;
            let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
            let root = (variance + EPSILON).sqrt();
            let normal: Vec<f64> = x.iter().map(|&x| (f64::from(x) - mean) / root).collect();
            let slope: Vec<f64> = dy
                .iter()
                .zip(&weight)
                .map(|(&dy, &w)| f64::from(dy) * f64::from(w))
                .collect();
            let level = slope.iter().sum::<f64>() / count;
            let along = slope.iter().zip(&normal).map(|(s, n)| s * n).sum::<f64>() / count;
            for c in 0..columns {
                y.push(normal[c] * f64::from(weight[c]) + f64::from(bias[c]));
                dx.push((slope[c] - level - normal[c] * along) / root);
                dw[c] += f64::from(dy[c]) * normal[c];
                db[c] += f64::from(dy[c]);
            }
        }
        everywhere(|pool| {
            let norm = LayerNorm {
                weight: &weight,
                bias: &bias,
                epsilon: EPSILON,
            };
            let (mut found, mut back) = (Vec::new(), Vec::new());
            let statistics = norm.forward(&x, &mut found, pool).unwrap();
            let gradients = norm.backward(&x, &statistics, &dy, &mut back, pool).unwrap();
            close(&found, &y, 1e-5, "output");
            close(&back, &dx, 1e-5, "gradient");
            close(&gradients.weight, &dw, 1e-5, "gradient of the weight");
            close(&gradients.bias, &db, 1e-6, "gradient of the bias");
            close(&column_sums(&dy, columns, pool).unwrap(), &db, 1e-6, "sums");
            found.extend(back);
            found.extend(gradients.weight);
            found
        });
    }
}

#[test]
fn gelu_has_its_digits_in_the_tails_too() {
    let x: Vec<f32> = (-5000..=5000).map(|i| i as f32 * 1.1e-3).collect();
    let dy = numbers(x.len(), 5);
    everywhere(|pool| {
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        activate(&x, Activation::Gelu, &mut y, pool).unwrap();
        activate_backward(&x, &dy, Activation::Gelu, &mut dx, pool).unwrap();
        for i in 0..x.len() {
            let v = f64::from(x[i]);
            let (value, density) = (
                v * below(v),
                (-0.5 * v * v).exp() / (2.0 * std::f64::consts::PI).sqrt(),
            );
            let near = (f64::from(y[i]) - value).abs() <= 2e-6 * value.abs();
            assert!(near, "gelu({v}) = {value}, not {}", y[i]);
            let slope = f64::from(dy[i]) * (below(v) + v * density);
            let near = (f64::from(dx[i]) - slope).abs() <= 5e-7;
            assert!(near, "the slope at {v} is {slope}, not {}", dx[i]);
        }
        y.extend(dx);
        y
    });
}
