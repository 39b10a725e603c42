//! Optimiser steps against PyTorch's formulas in double precision.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{AdamW, Isa, Pool, Sgd};

const LENGTHS: [usize; 4] = [0, 1, 37, 40_001];

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

fn on_every_isa(body: impl Fn()) {
    for isa in Isa::available() {
        isa.with(&body).unwrap();
    }
}

#[test]
fn sgd_follows_the_formula() {
    let pool = Pool::new(2);
    let plain = Sgd {
        learning_rate: 0.1,
        weight_decay: 0.01,
        ..Sgd::default()
    };
    let momentum = Sgd {
        momentum: 0.9,
        ..plain
    };
    let variants = [
        plain,
        momentum,
        Sgd {
            nesterov: true,
            ..momentum
        },
        Sgd {
            dampening: 0.3,
            ..momentum
        },
    ];
    for (options, len) in variants.into_iter().flat_map(|v| LENGTHS.map(|len| (v, len))) {
        on_every_isa(|| {
            let mut parameters = numbers(len, 1);
            let kept = if options.momentum == 0.0 { 0 } else { len };
            let mut velocity = vec![f32::NAN; kept];
            let (mut expected, mut expected_velocity) = (doubles(&parameters), vec![0.0; len]);
            for step in 0..3 {
                let gradients = numbers(len, 10 + step);
                options
                    .step(&mut parameters, &gradients, &mut velocity, step == 0, &pool)
                    .unwrap();
                for i in 0..len {
                    let g = f64::from(gradients[i]) + options.weight_decay * expected[i];
                    let m = options.momentum;
                    let v: &mut f64 = &mut expected_velocity[i];
                    *v = if step == 0 {
                        g
                    } else {
                        m * *v + (1.0 - options.dampening) * g
                    };
                    let direction = if options.nesterov { g + m * *v } else { *v };
                    let direction = if options.momentum == 0.0 { g } else { direction };
                    expected[i] -= options.learning_rate * direction;
                }
            }
            close(&parameters, &expected, 1e-6, &format!("{options:?} {len}"));
        });
    }
}

#[test]
fn adam_follows_the_formula() {
    let pool = Pool::new(2);
    let decoupled = AdamW {
        learning_rate: 0.05,
        weight_decay: 0.1,
        ..AdamW::default()
    };
    for options in [
        decoupled,
        AdamW {
            decoupled: false,
            ..decoupled
        },
    ] {
        for len in LENGTHS {
            on_every_isa(|| {
                let mut parameters = numbers(len, 1);
                let (mut mean, mut square) = (vec![0.0; len], vec![0.0; len]);
                let mut expected = doubles(&parameters);
                let (mut m, mut v) = (vec![0.0; len], vec![0.0; len]);
                let [b1, b2] = options.betas;
                let (rate, decay) = (options.learning_rate, options.weight_decay);
                for step in 1..=4_u64 {
                    let gradients = numbers(len, 20 + step);
                    options
                        .step(&mut parameters, &gradients, [&mut mean, &mut square], step, &pool)
                        .unwrap();
                    for i in 0..len {
                        let mut g = f64::from(gradients[i]);
                        if options.decoupled {
                            expected[i] *= 1.0 - rate * decay;
                        } else {
                            g += decay * expected[i];
                        }
                        m[i] = b1 * m[i] + (1.0 - b1) * g;
                        v[i] = b2 * v[i] + (1.0 - b2) * g * g;
                        let (mean, square) = (
                            m[i] / (1.0 - b1.powi(step as i32)),
                            v[i] / (1.0 - b2.powi(step as i32)),
                        );
                        expected[i] -= rate * mean / (square.sqrt() + options.epsilon);
                    }
                }
                close(&parameters, &expected, 1e-5, &format!("{options:?} {len}"));
            });
        }
    }
}

#[test]
fn lengths_must_agree() {
    let pool = Pool::new(1);
    let momentum = Sgd {
        momentum: 0.9,
        ..Sgd::default()
    };
    for (options, gradients, velocity) in [(momentum, 3, 2), (momentum, 2, 1), (Sgd::default(), 2, 2)] {
        let (gradients, mut velocity) = (vec![0.0; gradients], vec![0.0; velocity]);
        assert!(
            options
                .step(&mut [0.0; 2], &gradients, &mut velocity, true, &pool)
                .is_err()
        );
    }
    let state: [&mut [f32]; 2] = [&mut [0.0; 2], &mut [0.0; 1]];
    assert!(
        AdamW::default()
            .step(&mut [0.0; 2], &[0.0; 2], state, 1, &pool)
            .is_err()
    );
}
