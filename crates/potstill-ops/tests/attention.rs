//! Layer norm, attention, and squeeze and excitation against PyTorch's, torchvision's and timm's: values and gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_ops::{
    Activation, Attention, Gate, LayerNorm, Mode, Parameters, Pass, SqueezeExcitation, WindowAttention,
};
use potstill_testing::numbers::{assert_near, map, nchw, numbers as all, recorded, scope, tensor, values};

const FILE: &str = "potstill-ops/tests/reference/attention.json";
/// Nine recorded digits; divisions by a number are differentiated in single precision.
const TOLERANCE: f64 = 1e-7;

fn input(i: usize) -> f64 {
    (0.61 * i as f64).sin()
}

fn weight(i: usize) -> f64 {
    (0.37 * i as f64 + 1.0).sin()
}

/// The module with the parameters of the formula, in double precision.
fn filled<M: Parameters>(mut module: M) -> M {
    module.rewrite(&mut |entry, present| {
        let phase = entry.path.bytes().map(usize::from).sum::<usize>() % 100;
        let value = |i: usize| 0.5 * (0.7 * i as f64 + phase as f64 / 10.0).sin();
        Some(tensor(present.dims(), value).cast(DType::F64))
    });
    module
}

/// Runs `forward` on the input and compares output and gradients; `flat` puts a tensor into the record's order.
fn assert_recorded<const D: usize>(
    name: &str,
    module: &dyn Parameters,
    x: Tensor<D>,
    weights: Tensor<D>,
    forward: impl Fn(Tensor<D>, &mut Pass<'_>) -> Tensor<D>,
    flat: fn(&Tensor<D>) -> Vec<f64>,
) {
    let record = &recorded(FILE)[name];
    let x = x.autodiff().require_grad();
    let y = forward(x.clone(), &mut Pass::new(Mode::Batch));
    let found = flat(&y);
    assert_near(
        name,
        &found[..40.min(found.len())],
        &all(&record["values"]),
        TOLERANCE,
    );
    let sum = found.iter().sum::<f64>();
    assert_near(&format!("sum of {name}"), &[sum], &all(&record["sum"]), TOLERANCE);
    let tape = (y * weights).sum().backward();
    let gradient = flat(&x.grad(&tape).unwrap());
    let what = format!("gradient of {name}");
    assert_near(
        &what,
        &gradient[..40.min(gradient.len())],
        &all(&record["gradient"]),
        TOLERANCE,
    );
    let mut met = false;
    module.each_gradient(&tape, &mut |entry, gradient| {
        if record["parameter"] == entry.path.as_str() {
            let (found, expected) = (values(&gradient), all(&record["parameter_gradient"]));
            let what = format!("gradient of {} of {name}", entry.path);
            assert_near(&what, &found[..expected.len()], &expected, TOLERANCE);
            met = true;
        }
    });
    assert!(met, "{name}");
}

#[test]
fn layer_norm_equals_the_record() {
    let norm = filled(LayerNorm::new(8, 1e-6, &scope()));
    let shape = [2, 3, 8];
    assert_recorded(
        "layer_norm [2, 3, 8]",
        &norm,
        tensor(shape, input),
        tensor(shape, weight),
        |x, _| norm.forward(x),
        values,
    );
}

#[test]
fn attention_equals_the_record() {
    let attention = filled(Attention::new(8, 2, &scope()));
    let shape = [2, 1, 5, 8];
    assert_recorded(
        "attention [2, 5, 8], 2 heads",
        &attention,
        tensor(shape, input),
        tensor(shape, weight),
        |x, pass| attention.forward(x, pass),
        values,
    );
}

#[test]
fn attention_in_windows_equals_the_record() {
    let attention = filled(WindowAttention::new(8, 2, 3, &scope()));
    let shape = [2, 9, 6, 8];
    for (name, shifted) in [
        ("windows of 3 on [2, 9, 6, 8], 2 heads", false),
        ("shifted windows of 3 on [2, 9, 6, 8], 2 heads", true),
    ] {
        assert_recorded(
            name,
            &attention,
            tensor(shape, input),
            tensor(shape, weight),
            |x, pass| attention.forward(x, shifted, pass),
            values,
        );
    }
}

#[test]
fn squeeze_and_excitation_equals_the_record() {
    let shape = [2, 6, 4, 5];
    for (name, activation, gate) in [
        (
            "squeeze sigmoid [2, 6, 4, 5] to 3",
            Activation::Silu,
            Gate::Sigmoid,
        ),
        (
            "squeeze hard_sigmoid [2, 6, 4, 5] to 3",
            Activation::Relu,
            Gate::HardSigmoid,
        ),
    ] {
        let squeeze = filled(SqueezeExcitation::new([6, 3], activation, gate, &scope()));
        assert_recorded(
            name,
            &squeeze,
            map(shape, input),
            map(shape, weight),
            |x, pass| squeeze.forward(x, pass),
            nchw,
        );
    }
}
