//! Batch norm against its definition in double precision, and its gradients against finite differences.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod normal;
mod numbers;

use normal::below;
use numbers::{close, numbers};
use potstill_kernels::{
    Activation, BatchNormBackward, GateSource, Isa, KernelError, Pool, bn_apply, bn_backward, bn_statistics,
    fold_batch_norm,
};

const EPSILON: f64 = 1e-5;
const ACTIVATIONS: [Activation; 7] = [
    Activation::None,
    Activation::Relu,
    Activation::Relu6,
    Activation::Leaky(0.1),
    Activation::HardSwish,
    Activation::Silu,
    Activation::Gelu,
];
/// Pixels and channels: whole vectors, tails, several chunks, one value.
const SIZES: [(usize, usize); 8] = [
    (64, 16),
    (1500, 64),
    (33, 3),
    (7, 10),
    (70, 100),
    (5, 257),
    (1, 1),
    (9000, 24),
];

fn activate(activation: Activation, v: f64) -> f64 {
    match activation {
        Activation::None => v,
        Activation::Relu => v.max(0.0),
        Activation::Relu6 => v.clamp(0.0, 6.0),
        Activation::Leaky(slope) => {
            if v > 0.0 {
                v
            } else {
                v * f64::from(slope)
            }
        }
        Activation::HardSwish => v * (v + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Silu => v / (1.0 + (-v).exp()),
        Activation::Gelu => v * below(v),
    }
}

/// A layer with spread-out values, so that every branch of the activations is met.
struct Layer {
    pixels: usize,
    channels: usize,
    y: Vec<f32>,
    residual: Vec<f32>,
    dz: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Layer {
    fn new(pixels: usize, channels: usize) -> Self {
        let len = pixels * channels;
        Self {
            pixels,
            channels,
            y: numbers(len, 1).iter().map(|v| 2.0 * v + 0.3).collect(),
            residual: numbers(len, 2).iter().map(|v| 3.0 * v).collect(),
            dz: numbers(len, 3),
            gamma: numbers(channels, 4).iter().map(|v| 3.0 + v).collect(),
            beta: numbers(channels, 5),
        }
    }

    fn statistics(&self, y: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let channel = |c: usize| y.iter().skip(c).step_by(self.channels);
        let count = self.pixels as f64;
        let mean: Vec<f64> = (0..self.channels)
            .map(|c| channel(c).sum::<f64>() / count)
            .collect();
        let variance = |c: usize| channel(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / count;
        let variance = (0..self.channels).map(variance).collect();
        (mean, variance)
    }

    /// The layer by definition. `fixed` statistics replace those of the batch.
    fn forward(
        &self,
        y: &[f64],
        with_residual: bool,
        activation: Activation,
        fixed: Option<&(Vec<f64>, Vec<f64>)>,
    ) -> Vec<f64> {
        let own = self.statistics(y);
        let (mean, variance) = fixed.unwrap_or(&own);
        let value = |i: usize| {
            let c = i % self.channels;
            let x = (y[i] - mean[c]) / (variance[c] + EPSILON).sqrt();
            let residual = if with_residual {
                f64::from(self.residual[i])
            } else {
                0.0
            };
            activate(
                activation,
                f64::from(self.gamma[c]) * x + f64::from(self.beta[c]) + residual,
            )
        };
        (0..y.len()).map(value).collect()
    }
}

fn on_every_isa(body: impl Fn(&str)) {
    for isa in Isa::available() {
        isa.with(|| body(isa.name())).unwrap();
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

#[test]
fn statistics_and_apply_equal_the_definition() {
    let pool = Pool::new(2);
    for (pixels, channels) in SIZES {
        let layer = Layer::new(pixels, channels);
        let y = doubles(&layer.y);
        let (mean, variance) = layer.statistics(&y);
        on_every_isa(|isa| {
            let what = format!("{isa} {pixels}x{channels}");
            let moments = bn_statistics(&layer.y, channels, &pool).unwrap();
            close(&moments.mean(), &mean, 1e-6, &what);
            close(&moments.variance(), &variance, 1e-5, &what);
            let unbiased: Vec<f64> = variance
                .iter()
                .map(|v| v * pixels as f64 / (pixels as f64 - 1.0))
                .collect();
            if pixels > 1 {
                close(&moments.unbiased_variance(), &unbiased, 1e-5, &what);
                let inv_std = moments.inv_std(EPSILON);
                let (scale, shift) =
                    fold_batch_norm(&moments.mean(), &inv_std, &layer.gamma, &layer.beta).unwrap();
                for (activation, with_residual) in
                    ACTIVATIONS.into_iter().flat_map(|a| [(a, false), (a, true)])
                {
                    let mut z = vec![f32::NAN; y.len()];
                    let residual = with_residual.then_some(&layer.residual[..]);
                    bn_apply(&layer.y, &scale, &shift, residual, activation, &mut z, &pool).unwrap();
                    let expected = layer.forward(&y, with_residual, activation, None);
                    close(
                        &z,
                        &expected,
                        2e-6,
                        &format!("{what} {activation:?} {with_residual}"),
                    );
                }
            }
        });
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let pool = Pool::new(2);
    for (pixels, channels) in [(33, 3), (7, 10), (40, 16), (19, 70)] {
        let layer = Layer::new(pixels, channels);
        let y = doubles(&layer.y);
        let statistics = layer.statistics(&y);
        let mean: Vec<f32> = statistics.0.iter().map(|&m| m as f32).collect();
        let inv_std: Vec<f32> = statistics
            .1
            .iter()
            .map(|v| (1.0 / (v + EPSILON).sqrt()) as f32)
            .collect();
        for (activation, with_residual) in ACTIVATIONS.into_iter().flat_map(|a| [(a, false), (a, true)]) {
            for batch_statistics in [true, false] {
                let fixed = (!batch_statistics).then_some(&statistics);
                let loss = |y: &[f64]| -> f64 {
                    let z = layer.forward(y, with_residual, activation, fixed);
                    z.iter().zip(&layer.dz).map(|(z, dz)| z * f64::from(*dz)).sum()
                };
                let checked: Vec<usize> = (0..y.len()).step_by(y.len() / 17 + 1).collect();
                let numeric: Vec<f64> = checked
                    .iter()
                    .map(|&i| {
                        let step = 1e-6;
                        let (mut up, mut down) = (y.clone(), y.clone());
                        up[i] += step;
                        down[i] -= step;
                        (loss(&up) - loss(&down)) / (2.0 * step)
                    })
                    .collect();
                on_every_isa(|isa| {
                    let args = BatchNormBackward {
                        y: &layer.y,
                        dz: &layer.dz,
                        gate: GateSource::Input {
                            residual: with_residual.then_some(&layer.residual[..]),
                        },
                        mean: &mean,
                        inv_std: &inv_std,
                        gamma: &layer.gamma,
                        beta: &layer.beta,
                        activation,
                        batch_statistics,
                    };
                    let mut dy = vec![f32::NAN; y.len()];
                    bn_backward(&args, &mut dy, None, &pool).unwrap();
                    let got: Vec<f32> = checked.iter().map(|&i| dy[i]).collect();
                    let what = format!(
                        "{isa} {pixels}x{channels} {activation:?} {with_residual} {batch_statistics}"
                    );
                    close(&got, &numeric, 2e-5, &what);
                });
            }
        }
    }
}

#[test]
fn parameter_gradients_and_gated_gradient_equal_the_definition() {
    let pool = Pool::new(2);
    for (pixels, channels) in SIZES {
        let layer = Layer::new(pixels, channels);
        let y = doubles(&layer.y);
        let (mean, variance) = layer.statistics(&y);
        let inv_std: Vec<f64> = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
        let z = layer.forward(&y, true, Activation::Relu, None);
        let gated: Vec<f64> = z
            .iter()
            .zip(&layer.dz)
            .map(|(z, dz)| if *z > 0.0 { f64::from(*dz) } else { 0.0 })
            .collect();
        let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, g) in gated.iter().enumerate() {
            let c = i % channels;
            dbeta[c] += g;
            dgamma[c] += g * (y[i] - mean[c]) * inv_std[c];
        }
        let singles = |v: &[f64]| -> Vec<f32> { v.iter().map(|&v| v as f32).collect() };
        let (mean, inv_std, z) = (singles(&mean), singles(&inv_std), singles(&z));
        on_every_isa(|isa| {
            let what = format!("{isa} {pixels}x{channels}");
            let args = BatchNormBackward {
                y: &layer.y,
                dz: &layer.dz,
                gate: GateSource::Output(&z),
                mean: &mean,
                inv_std: &inv_std,
                gamma: &layer.gamma,
                beta: &layer.beta,
                activation: Activation::Relu,
                batch_statistics: true,
            };
            let (mut dy, mut kept, mut again) =
                (vec![0.0; y.len()], vec![f32::NAN; y.len()], vec![0.0; y.len()]);
            let gradients = bn_backward(&args, &mut dy, Some(&mut kept), &pool).unwrap();
            close(&kept, &gated, 1e-7, &what);
            close(&gradients.beta, &dbeta, 1e-5, &what);
            close(&gradients.gamma, &dgamma, 1e-5, &what);
            bn_backward(&args, &mut again, None, &pool).unwrap();
            assert_eq!(dy, again, "{what}: keeping the gated gradient changes nothing");
            let other = Pool::new(4);
            assert_eq!(
                bn_backward(&args, &mut again, None, &other).unwrap(),
                gradients,
                "{what}: threads"
            );
            assert_eq!(dy, again, "{what}: threads");
        });
    }
}

#[test]
fn not_a_number_is_passed_on() {
    let pool = Pool::new(1);
    on_every_isa(|isa| {
        for activation in ACTIVATIONS {
            let mut z = [0.0; 3];
            bn_apply(
                &[f32::NAN, -1.0, 1.0],
                &[1.0],
                &[0.0],
                None,
                activation,
                &mut z,
                &pool,
            )
            .unwrap();
            assert!(
                z[0].is_nan() && !z[1].is_nan() && !z[2].is_nan(),
                "{isa} {activation:?}: {z:?}"
            );
        }
    });
}

#[test]
fn wrong_arguments_are_errors() {
    let pool = Pool::new(1);
    assert!(bn_statistics(&[0.0; 4], 0, &pool).is_err());
    assert!(bn_statistics(&[0.0; 4], 3, &pool).is_err());
    assert!(bn_apply(&[0.0; 4], &[], &[], None, Activation::None, &mut [0.0; 4], &pool).is_err());
    assert!(
        bn_apply(
            &[0.0; 4],
            &[1.0; 2],
            &[1.0; 1],
            None,
            Activation::None,
            &mut [0.0; 4],
            &pool
        )
        .is_err()
    );
    let one = [1.0; 1];
    let args = BatchNormBackward {
        y: &[0.0; 4],
        dz: &[0.0; 4],
        gate: GateSource::Output(&[0.0; 4]),
        mean: &one,
        inv_std: &one,
        gamma: &one,
        beta: &one,
        activation: Activation::Silu,
        batch_statistics: true,
    };
    let error = bn_backward(&args, &mut [0.0; 4], None, &pool).unwrap_err();
    assert_eq!(error, KernelError::Gate { activation: "Silu" });
}
