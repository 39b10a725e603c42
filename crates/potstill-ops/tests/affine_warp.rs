//! Warps give PyTorch's images and gradients, in both forms, and the identity gives the image itself.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_ops::{Form, affine_warp};
use potstill_testing::numbers::{
    NINE_DIGITS, assert_near, map, nchw, number, numbers as all, recorded, tensor, values,
};

fn image(i: usize) -> f64 {
    (0.7 * i as f64).sin()
}

fn places(images: usize, moved: impl Fn(usize) -> f64) -> Tensor<3> {
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    tensor([images, 2, 3], |i| {
        identity[i % 6] + 0.35 * (1.3 * i as f64 + 0.4).sin() + moved(i)
    })
}

fn shapes() -> Vec<([usize; 4], serde_json::Value)> {
    let record = recorded("potstill-ops/tests/reference/affine_warp.json");
    let cases = record["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 4);
    let shape = |case: &serde_json::Value| {
        let sides: Vec<usize> = all(&case["shape"])
            .into_iter()
            .map(|side| side as usize)
            .collect();
        sides.try_into().unwrap()
    };
    cases.into_iter().map(|case| (shape(&case), case)).collect()
}

#[test]
fn warps_and_their_gradients_are_the_recorded_ones() {
    for (shape, case) in shapes() {
        for (form, dtype, tolerance) in [
            (Form::Portable, DType::F64, NINE_DIGITS),
            (Form::Portable, DType::F32, 2e-5),
            (Form::Fast, DType::F32, 2e-5),
        ] {
            form.with(|| {
                let images = map(shape, image).cast(dtype).autodiff().require_grad();
                let maps = places(shape[0], |_| 0.0).cast(dtype).autodiff().require_grad();
                let out = affine_warp(images.clone(), maps.clone());
                let what = format!("{form:?} {dtype:?} {shape:?}");
                assert_near(&what, &nchw(&out), &all(&case["out"]), tolerance);
                let tape = out.square().sum().backward();
                let of_images = nchw(&images.grad(&tape).unwrap());
                assert_near(&what, &of_images, &all(&case["image_gradient"]), tolerance);
                let of_maps = values(&maps.grad(&tape).unwrap());
                assert_near(&what, &of_maps, &all(&case["map_gradient"]), tolerance);
            });
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let shape = [2, 2, 5, 4];
    let loss = |images: Tensor<4>, maps: Tensor<3>| affine_warp(images, maps).square().sum();
    let images = map(shape, image);
    let images_leaf = images.clone().autodiff().require_grad();
    let maps_leaf = places(2, |_| 0.0).autodiff().require_grad();
    let tape = loss(images_leaf.clone(), maps_leaf.clone()).backward();
    let step = 1e-6;
    let of_maps: Vec<f64> = (0..12)
        .map(|k| {
            let at = |by: f64| {
                let moved = places(2, |i| if i == k { by } else { 0.0 });
                number(&loss(images.clone(), moved))
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect();
    assert_near("maps", &values(&maps_leaf.grad(&tape).unwrap()), &of_maps, 1e-6);
    let of_images: Vec<f64> = (0..80)
        .map(|k| {
            let at = |by: f64| {
                let moved = map(shape, |i| image(i) + if i == k { by } else { 0.0 });
                number(&loss(moved, places(2, |_| 0.0)))
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect();
    assert_near(
        "images",
        &nchw(&images_leaf.grad(&tape).unwrap()),
        &of_images,
        1e-6,
    );
}

#[test]
fn the_identity_is_exact_at_every_size() {
    for shape in [[1, 3, 32, 32], [2, 1, 7, 10], [1, 2, 1, 3], [3, 2, 11, 1]] {
        let images = map(shape, image).cast(DType::F32);
        let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let maps = tensor([shape[0], 2, 3], |i| identity[i % 6]).cast(DType::F32);
        let out = Form::Fast.with(|| affine_warp(images.clone(), maps));
        assert_eq!(values(&out), values(&images), "{shape:?}");
    }
}

#[test]
fn what_lies_far_outside_is_zero() {
    let images = map([1, 2, 3, 3], image).cast(DType::F32);
    let away = [1.0, 0.0, 1e9, 0.0, 1.0, -1e9];
    let maps = tensor([1, 2, 3], |i| away[i]).cast(DType::F32);
    for form in [Form::Fast, Form::Portable] {
        let out = form.with(|| affine_warp(images.clone(), maps.clone()));
        assert!(values(&out).iter().all(|&value| value == 0.0), "{form:?}");
    }
}
