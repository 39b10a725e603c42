//! The products of linear layers against their definition in double precision, on every instruction set.

#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{Activation, Isa, KernelError, LinearEnding, LinearShape, PackedLinear, Pool};

/// Tails of rows, columns and depth; more than one run of the depth, more than one task.
const SHAPES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (2, 3, 5),
    (8, 16, 48),
    (9, 17, 49),
    (7, 31, 33),
    (23, 64, 64),
    (50, 100, 10),
    (197, 48, 144),
    (5, 300, 65),
    (130, 257, 97),
    (64, 513, 47),
    (301, 33, 200),
];

/// Runs `check` on every instruction set, with one thread and with three: the bits must not depend on the threads.
fn everywhere(check: impl Fn(&Pool) -> Vec<f32>) {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| isa.with(|| check(&Pool::new(threads))).unwrap());
        assert_eq!(one, three, "{isa:?}");
    }
}

struct Layer {
    shape: LinearShape,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

impl Layer {
    fn new((rows, inputs, outputs): (usize, usize, usize)) -> Self {
        Self {
            shape: LinearShape {
                rows,
                inputs,
                outputs,
            },
            x: numbers(rows * inputs, 1),
            weight: numbers(outputs * inputs, 2),
            bias: numbers(outputs, 3),
            dy: numbers(rows * outputs, 4),
        }
    }

    /// Output without bias, gradient of the input, gradient of the weight.
    fn expected(&self) -> [Vec<f64>; 3] {
        let LinearShape {
            rows,
            inputs,
            outputs,
        } = self.shape;
        let (mut y, mut dx, mut dw) = (
            vec![0.0; rows * outputs],
            vec![0.0; rows * inputs],
            vec![0.0; outputs * inputs],
        );
        for m in 0..rows {
            for o in 0..outputs {
                for i in 0..inputs {
                    let (x, w, dy) = (
                        f64::from(self.x[m * inputs + i]),
                        f64::from(self.weight[o * inputs + i]),
                        f64::from(self.dy[m * outputs + o]),
                    );
                    y[m * outputs + o] += x * w;
                    dx[m * inputs + i] += dy * w;
                    dw[o * inputs + i] += dy * x;
                }
            }
        }
        [y, dx, dw]
    }
}

#[test]
fn outputs_and_gradients() {
    for shape in SHAPES {
        let layer = Layer::new(shape);
        let [y, dx, dw] = layer.expected();
        everywhere(|pool| {
            let (mut found, mut data, mut weight) = (Vec::new(), Vec::new(), Vec::new());
            let Layer { shape, .. } = layer;
            shape
                .forward(&layer.x, &layer.weight, LinearEnding::default(), &mut found, pool)
                .unwrap();
            shape
                .backward_data(&layer.dy, &layer.weight, &mut data, pool)
                .unwrap();
            shape
                .backward_weight(&layer.x, &layer.dy, &mut weight, pool)
                .unwrap();
            close(&found, &y, 2e-6, "output");
            close(&data, &dx, 2e-6, "gradient of the input");
            close(&weight, &dw, 2e-6, "gradient of the weight");
            [found, data, weight].concat()
        });
    }
}

#[test]
fn endings() {
    for shape in [(3, 5, 7), (130, 300, 97)] {
        let layer = Layer::new(shape);
        let residual = numbers(layer.dy.len(), 5);
        let [y, ..] = layer.expected();
        let biased: Vec<f64> = y
            .iter()
            .enumerate()
            .map(|(i, y)| y + f64::from(layer.bias[i % layer.bias.len()]))
            .collect();
        let ended: Vec<f64> = biased
            .iter()
            .zip(&residual)
            .map(|(&y, &residual)| y.max(0.0) + f64::from(residual))
            .collect();
        everywhere(|pool| {
            let (mut found, mut before) = (Vec::new(), Vec::new());
            let ending = LinearEnding {
                bias: Some(&layer.bias),
                before: Some(&mut before),
                activation: Activation::Relu,
                residual: Some(&residual),
            };
            layer
                .shape
                .forward(&layer.x, &layer.weight, ending, &mut found, pool)
                .unwrap();
            close(&before, &biased, 2e-6, "before the activation");
            close(&found, &ended, 2e-6, "output");
            let packed =
                PackedLinear::new([layer.shape.outputs, layer.shape.inputs], &layer.weight, pool).unwrap();
            let ending = LinearEnding {
                bias: Some(&layer.bias),
                activation: Activation::Relu,
                residual: Some(&residual),
                ..LinearEnding::default()
            };
            let mut frozen = Vec::new();
            packed
                .forward(layer.shape.rows, &layer.x, ending, &mut frozen, pool)
                .unwrap();
            assert_eq!(frozen, found);
            found
        });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let layer = Layer::new((2, 3, 4));
    let pool = Pool::new(1);
    let mut out = Vec::new();
    let error = layer.shape.forward(
        &layer.x[1..],
        &layer.weight,
        LinearEnding::default(),
        &mut out,
        &pool,
    );
    assert!(matches!(
        error,
        Err(KernelError::Length {
            argument: "x",
            expected: 6,
            got: 5
        })
    ));
    let ending = LinearEnding {
        bias: Some(&layer.bias[1..]),
        ..LinearEnding::default()
    };
    let error = layer
        .shape
        .forward(&layer.x, &layer.weight, ending, &mut out, &pool);
    assert!(matches!(error, Err(KernelError::Length { argument: "bias", .. })));
    let error = layer
        .shape
        .backward_data(&layer.dy, &layer.weight[1..], &mut out, &pool);
    assert!(matches!(
        error,
        Err(KernelError::Length {
            argument: "weight",
            ..
        })
    ));
    let empty = LinearShape {
        inputs: 0,
        ..layer.shape
    };
    let error = empty.backward_weight(&[], &layer.dy, &mut out, &pool);
    assert!(matches!(error, Err(KernelError::Shape { .. })));
    // No rows are no work.
    let none = LinearShape {
        rows: 0,
        ..layer.shape
    };
    none.backward_weight(&[], &[], &mut out, &pool).unwrap();
    assert_eq!(out, [0.0; 12]);
}
