//! The functions of numbers that graphs are made of.

use burn::tensor::{Device, Tensor, activation};
use potstill_onnx::train_graph::{Binary, Nonlinearity, Reduction, Unary};
use potstill_ops::Activation;
use potstill_random::Stream;

use super::value::{Value, map_value, map_values};

/// The activation of that name.
pub(super) fn activation(nonlinearity: Nonlinearity) -> Activation {
    match nonlinearity {
        Nonlinearity::Identity => Activation::Identity,
        Nonlinearity::Relu => Activation::Relu,
        Nonlinearity::Relu6 => Activation::Relu6,
        Nonlinearity::LeakyRelu(slope) => Activation::LeakyRelu(slope),
        Nonlinearity::HardSwish => Activation::HardSwish,
        Nonlinearity::Silu => Activation::Silu,
        Nonlinearity::Gelu => Activation::Gelu,
    }
}

/// A function of each number.
pub(super) fn unary<const D: usize>(x: Tensor<D>, function: Unary) -> Tensor<D> {
    match function {
        Unary::Sigmoid => activation::sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::Erf => x.erf(),
        Unary::Exp => x.exp(),
        Unary::Log => x.log(),
        Unary::Negative => x.neg(),
        Unary::Absolute => x.abs(),
        Unary::Reciprocal => x.recip(),
        Unary::Softplus => activation::softplus(x, 1.0),
        Unary::GeluByTanh => activation::gelu_approximate(x),
        Unary::HardSigmoid { alpha, beta } => {
            // Six times the height: the derivative at the kinks is that of the flat side.
            let scaled = x * (6.0 * f64::from(alpha)) + 6.0 * f64::from(beta);
            Activation::Relu6.apply(scaled) * (1.0 / 6.0)
        }
        Unary::Clamp { low, high } => match (low > f32::MIN, high < f32::MAX) {
            (true, true) if low == 0.0 => activation::relu(x).clamp_max(high),
            (true, true) => x.clamp(low, high),
            (true, false) => x.clamp_min(low),
            (false, true) => x.clamp_max(high),
            (false, false) => x,
        },
        Unary::Power(2.0) => x.clone() * x,
        Unary::Sqrt | Unary::Power(0.5) => x.sqrt(),
        Unary::Power(power) => x.powf_scalar(power),
        Unary::Elu(alpha) => activation::elu(x, f64::from(alpha)),
    }
}

/// A function of two values, sizes of 1 stretched.
pub(super) fn binary(first: Value, second: Value, function: Binary) -> Value {
    let (first, second) = match function {
        // These stretch nothing.
        Binary::Maximum | Binary::Minimum | Binary::Power => {
            let pairs = first.dims().into_iter().zip(second.dims());
            let dims: Vec<usize> = pairs.map(|(a, b)| if a == 1 { b } else { a }).collect();
            (first.expand(&dims), second.expand(&dims))
        }
        _ => (first, second),
    };
    map_values!(first, second, (a, b) => match function {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Maximum => a.max_pair(b),
        Binary::Minimum => a.min_pair(b),
        Binary::Power => a.powf(b),
    })
}

/// A function of each number and one that is the same for all.
pub(super) fn scalar<const D: usize>(
    x: Tensor<D>,
    function: Binary,
    number: f32,
    comes_first: bool,
) -> Tensor<D> {
    match (function, comes_first) {
        (Binary::Add, _) => x + number,
        (Binary::Multiply, _) => x * number,
        (Binary::Subtract, false) => x - number,
        (Binary::Subtract, true) => x.neg() + number,
        (Binary::Divide, false) => x / number,
        (Binary::Divide, true) => x.recip() * number,
        (Binary::Maximum, _) => x.clamp_min(number),
        (Binary::Minimum, _) => x.clamp_max(number),
        (Binary::Power, false) => x.powf_scalar(number),
        (Binary::Power, true) => (x * f64::from(number).ln()).exp(),
    }
}

/// A square of a length is at least this much, so that the slope of the root stays a number.
const FLOOR: f64 = 1e-24;

/// Numbers along axes made one, the axes kept.
pub(super) fn reduce(value: Value, reduction: Reduction, axes: &[usize]) -> Value {
    map_value!(value, x => match reduction {
        Reduction::Mean => axes.iter().fold(x, |x, &axis| x.mean_dim(axis)),
        Reduction::Sum => axes.iter().fold(x, |x, &axis| x.sum_dim(axis)),
        Reduction::Maximum => axes.iter().fold(x, |x, &axis| x.max_dim(axis)),
        Reduction::Length => {
            let squares = axes.iter().fold(x.clone() * x, |x, &axis| x.sum_dim(axis));
            squares.clamp_min(FLOOR).sqrt()
        }
    })
}

/// A slope for each channel where a number is negative.
pub(super) fn prelu(first: Value, slopes: Value) -> Value {
    map_values!(first, slopes, (x, slopes) => activation::relu(x.clone()) + slopes * x.clamp_max(0.0))
}

/// Every number dropped with this probability, and the others divided by that of staying.
pub(super) fn dropout(value: Value, ratio: f32, stream: &mut Stream, device: &Device) -> Value {
    let dims = value.dims();
    let kept = 1.0 / (1.0 - ratio);
    let draw = |_| {
        if stream.chance(f64::from(ratio)) {
            0.0
        } else {
            kept
        }
    };
    let mask: Vec<f32> = (0..dims.iter().product()).map(draw).collect();
    binary(value, Value::of(&mask, &dims, device), Binary::Multiply)
}

/// Numbers by their mean and biased variance along the last axis.
pub(super) fn standardise<const D: usize>(x: Tensor<D>, epsilon: f64) -> Tensor<D> {
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = (centred.clone() * centred.clone()).mean_dim(D - 1);
    centred / (variance + epsilon).sqrt()
}

/// Every channel of every image of `[N, C, ...]` by its own mean and biased variance.
pub(super) fn instance_norm(value: Value, epsilon: f64) -> Value {
    let dims = value.dims();
    let rows = dims[0] * dims[1];
    let places: usize = dims[2..].iter().product();
    let x = value.reshape(&[rows, places]).into_rows();
    Value::Two(standardise(x, epsilon)).reshape(&dims)
}
