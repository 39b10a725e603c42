//! Activations, pooling, shuffling and resizing against PyTorch's, values and gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_ops::{Activation, Border, Window, avg_pool, channel_shuffle, max_pool, resize_bilinear};
use potstill_testing::numbers::{
    NINE_DIGITS, assert_near, map, nchw, numbers as all, recorded, tensor, values,
};
use serde_json::Value;

const FILE: &str = "potstill-ops/tests/reference/layers.json";

fn weight(j: usize) -> f64 {
    (0.37 * j as f64 + 1.0).sin()
}

fn activation(name: &str, file: &Value) -> Activation {
    match name {
        "relu" => Activation::Relu,
        "relu6" => Activation::Relu6,
        "leaky_relu" => Activation::LeakyRelu(file["leaky_slope"].as_f64().unwrap() as f32),
        "hard_swish" => Activation::HardSwish,
        "silu" => Activation::Silu,
        "gelu" => Activation::Gelu,
        _ => panic!("{name}"),
    }
}

/// The one grid point at which PyTorch's flat side and ours differ: a clamp's upper end.
fn is_upper_kink(name: &str, x: f64) -> bool {
    (name == "relu6" && x == 6.0) || (name == "hard_swish" && x == 3.0)
}

#[test]
fn activations_equal_the_record() {
    let file = recorded(FILE);
    for (name, record) in file["activations"].as_object().unwrap() {
        let at = |i: usize| (i as f64 - 40.0) / 8.0;
        let x = tensor([105], at).autodiff().require_grad();
        let y = activation(name, &file).apply(x.clone());
        assert_near(name, &values(&y), &all(&record["values"]), NINE_DIGITS);
        let tape = (y * tensor([105], weight)).sum().backward();
        let (mut ours, mut theirs) = (values(&x.grad(&tape).unwrap()), all(&record["gradient"]));
        for i in (0..105).filter(|&i| is_upper_kink(name, at(i))) {
            (ours[i], theirs[i]) = (0.0, 0.0);
        }
        assert_near(&format!("gradient of {name}"), &ours, &theirs, NINE_DIGITS);
    }
}

fn on_map(name: &str, x: Tensor<4>) -> Tensor<4> {
    let halves = Window::new(3).stride(2).padding(1);
    match name {
        "max_pool 2" => max_pool(x, Window::new(2)),
        "max_pool 3 stride 2 padding 1" => max_pool(x, halves),
        "avg_pool 2" => avg_pool(x, Window::new(2), Border::LeftOut),
        "avg_pool 3 stride 2 padding 1 counted" => avg_pool(x, halves, Border::Counted),
        "avg_pool 3 stride 2 padding 1 left out" => avg_pool(x, halves, Border::LeftOut),
        "channel_shuffle 3" => channel_shuffle(x, 3),
        "channel_shuffle 2" => channel_shuffle(x, 2),
        "resize_bilinear 7 6" => resize_bilinear(x, [7, 6]),
        "resize_bilinear 3 4" => resize_bilinear(x, [3, 4]),
        "resize_bilinear 9 2" => resize_bilinear(x, [9, 2]),
        _ => panic!("{name}"),
    }
}

#[test]
fn maps_equal_the_record() {
    let file = recorded(FILE);
    // In double precision by Burn's operations, in single precision by the kernels.
    for (dtype, tolerance) in [(DType::F64, NINE_DIGITS), (DType::F32, 1e-6)] {
        maps_equal(&file, dtype, tolerance);
    }
}

fn maps_equal(file: &Value, dtype: DType, tolerance: f64) {
    for (name, record) in file["maps"].as_object().unwrap() {
        let x = map([2, 6, 5, 4], |i| (0.61 * i as f64).sin())
            .cast(dtype)
            .autodiff()
            .require_grad();
        let y = on_map(name, x.clone());
        let [n, h, w, c] = y.dims();
        assert_eq!(all(&record["size"]), [h as f64, w as f64], "{name}");
        assert_near(name, &nchw(&y), &all(&record["values"]), tolerance);
        let tape = (y * map([n, c, h, w], weight).cast(dtype)).sum().backward();
        let gradient = nchw(&x.grad(&tape).unwrap());
        assert_near(
            &format!("gradient of {name}"),
            &gradient,
            &all(&record["gradient"]),
            tolerance,
        );
    }
}

#[test]
fn the_largest_value_may_be_below_the_padding() {
    let x = map([1, 1, 3, 3], |i| -1.0 - i as f64);
    let pooled = max_pool(x, Window::new(3).stride(2).padding(1));
    assert_eq!(nchw(&pooled), [-1.0, -2.0, -4.0, -5.0]);
}
