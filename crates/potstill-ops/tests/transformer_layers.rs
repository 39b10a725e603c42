//! The layers of transformers give the same values and the same gradients in both forms, trained and frozen.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_ops::{
    Activation, Attention, Form, ForwardPass, Frozen, LayerNorm, Linear, Mlp, Mode, Parameters, Pass,
    WindowAttention,
};
use potstill_testing::numbers::{assert_near, gradients, scope, tensor, values};

/// Rounding in single precision, of sums of some hundred products.
const TOLERANCE: f64 = 3e-5;

/// The module with a formula's parameters, in single precision.
fn filled<M: Parameters>(mut module: M) -> M {
    module.rewrite(&mut |entry, present| {
        let phase = entry.path.bytes().map(usize::from).sum::<usize>() % 100;
        let value = |i: usize| 0.5 * (0.7 * i as f64 + phase as f64 / 10.0).sin();
        Some(tensor(present.dims(), value).cast(DType::F32))
    });
    module
}

fn input<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    tensor(shape, |i| 2.0 * (0.61 * i as f64).sin()).cast(DType::F32)
}

/// Values, gradient of the input and of the parameters in both forms; and the values of the frozen module, which computes twice.
fn compare<M: burn::module::Module + Parameters, const D: usize>(
    name: &str,
    module: M,
    shape: [usize; D],
    forward: impl Fn(&M, Tensor<D>, &mut Pass<'_>) -> Tensor<D>,
) {
    let module = filled(module);
    let run = || {
        let x = input(shape).autodiff().require_grad();
        let mut pass = Pass::new(Mode::Batch);
        let y = forward(&module, x.clone(), &mut pass);
        let weights = tensor(y.dims(), |i| (0.37 * i as f64 + 1.0).sin()).cast(DType::F32);
        let tape = (y.clone() * weights).sum().backward();
        let mut found = vec![values(&y), values(&x.grad(&tape).unwrap())];
        found.extend(gradients(&module, &tape).into_values());
        (found, pass.macs())
    };
    let (fast, portable) = (Form::Fast.with(run), Form::Portable.with(run));
    assert_eq!(fast.1, portable.1, "{name}");
    assert_eq!(fast.0.len(), portable.0.len(), "{name}");
    for (i, (fast, portable)) in fast.0.iter().zip(&portable.0).enumerate() {
        assert_near(&format!("{name}, tensor {i}"), fast, portable, TOLERANCE);
    }
    let frozen = Frozen::new(&module);
    for time in ["first", "second"] {
        let y = Form::Fast.with(|| forward(frozen.get(), input(shape), &mut Pass::new(Mode::Running)));
        assert!(!y.is_autodiff(), "{name}");
        let what = format!("frozen {name}, {time} time");
        assert_near(&what, &values(&y), &portable.0[0], TOLERANCE);
    }
}

#[test]
fn linear_layers() {
    for (rows, inputs, outputs) in [(1, 1, 1), (3, 5, 7), (17, 33, 20), (40, 48, 100)] {
        let name = format!("{rows} rows from {inputs} to {outputs}");
        let layer = || Linear::new(inputs, outputs, &scope());
        compare(&name, layer(), [rows, inputs], Linear::forward);
        compare(&name, layer().without_bias(), [2, rows, inputs], Linear::forward);
    }
}

#[test]
fn what_follows_a_linear_layer() {
    for activation in [Activation::Relu, Activation::Silu, Activation::Gelu] {
        let layer = Linear::new(9, 19, &scope());
        compare(
            &format!("{activation:?}"),
            layer,
            [2, 3, 4, 9],
            |layer, x, pass| pass.linear_act(x, layer, activation),
        );
    }
    let square = Linear::new(9, 9, &scope());
    compare("shortcut", square, [2, 3, 4, 9], |layer, x, pass| {
        pass.linear_add(x.clone(), layer, x)
    });
    compare(
        "mlp",
        Mlp::new(10, 40, &scope()),
        [2, 3, 4, 10],
        |mlp, x, pass| mlp.forward(x, pass),
    );
    compare(
        "mlp and shortcut",
        Mlp::new(10, 40, &scope()),
        [2, 3, 4, 10],
        |mlp, x, pass| mlp.forward_add(x.clone(), x, pass),
    );
}

#[test]
fn a_changed_weight_is_packed_anew() {
    let mut layer = filled(Linear::new(5, 6, &scope())).without_bias();
    let x = || input([3, 5]);
    let once = values(&layer.forward(x(), &mut Pass::new(Mode::Running)));
    layer.weight = layer.weight.map(|weight| weight * 2.0);
    let twice = values(&layer.forward(x(), &mut Pass::new(Mode::Running)));
    let doubled: Vec<f64> = once.iter().map(|v| 2.0 * v).collect();
    assert_near("twice", &twice, &doubled, TOLERANCE);
}

#[test]
fn layer_norms_and_gelu() {
    for channels in [1, 7, 16, 50] {
        let norm = LayerNorm::new(channels, 1e-6, &scope());
        // A single channel is its own mean.
        compare(
            &format!("{channels} channels"),
            norm,
            [2, 3, channels],
            |norm, x, _| norm.forward(x),
        );
    }
    let norm = LayerNorm::new(8, 1e-6, &scope());
    compare("gelu", norm, [2, 5, 8], |norm, x, _| {
        Activation::Gelu.apply(norm.forward(x))
    });
}

#[test]
fn a_shortcut_of_another_size_is_left_to_the_tensor_library() {
    let layer = filled(Linear::new(4, 4, &scope()));
    let x = input([1, 2, 3, 4]);
    let shortcut = input([1, 1, 1, 4]);
    let found = Pass::new(Mode::Running).linear_add(x.clone(), &layer, shortcut.clone());
    let expected = layer.forward(x, &mut Pass::new(Mode::Running)) + shortcut;
    assert_near("sum", &values(&found), &values(&expected), TOLERANCE);
}

#[test]
fn attention_in_rows_and_in_windows() {
    for (tokens, channels, heads) in [(1, 4, 2), (5, 12, 3), (50, 8, 1)] {
        let attention = Attention::new(channels, heads, &scope());
        let name = format!("{tokens} tokens, {heads} heads");
        compare(
            &name,
            attention,
            [2, 1, tokens, channels],
            |attention, x, pass| attention.forward(x, pass),
        );
    }
    let attention = Attention::new(6, 2, &scope());
    compare(
        "attention and shortcut",
        attention,
        [2, 1, 7, 6],
        |attention, x, pass| attention.forward_add(x.clone(), x, pass),
    );
    for (window, size) in [(3, [9, 6]), (2, [2, 4]), (4, [4, 4])] {
        for shifted in [false, true] {
            let attention = WindowAttention::new(6, 2, window, &scope());
            let name = format!("windows of {window} on {size:?}, shifted: {shifted}");
            let shape = [2, size[0], size[1], 6];
            compare(&name, attention, shape, |attention, x, pass| {
                pass.window_attention(x, attention, shifted)
            });
            let attention = WindowAttention::new(6, 2, window, &scope());
            compare(
                &format!("{name}, and shortcut"),
                attention,
                shape,
                |attention, x, pass| pass.window_attention_add(x.clone(), attention, shifted, x),
            );
        }
    }
}
