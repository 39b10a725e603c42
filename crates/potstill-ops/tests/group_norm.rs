//! Group norm equals its definition, in both forms, and a frozen batch norm stands still.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Form, GroupNorm, Mode, NormRule, Parameters, Pass, Role,
    Scope, conv_norm, count_trainable,
};
use potstill_random::Seed;
use potstill_testing::numbers::{assert_near, fill, gradients, map, scope, values};

/// A wave that differs by name.
fn wave(name: &str, i: usize) -> f64 {
    (0.37 * i as f64 + name.len() as f64).sin()
}

/// Channels, groups and the size of a map.
const CASES: [([usize; 4], usize); 4] = [
    ([2, 8, 3, 5], 4),
    ([1, 6, 2, 1], 3),
    ([3, 32, 4, 3], 32),
    ([2, 64, 2, 3], 1),
];

/// By the definition, in `[N, C, H, W]` order.
fn expected([n, c, h, w]: [usize; 4], groups: usize, x: &[f64]) -> Vec<f64> {
    let size = c / groups * h * w;
    let mut out = vec![0.0; x.len()];
    for start in (0..n * groups).map(|group| group * size) {
        let group = &x[start..start + size];
        let mean = group.iter().sum::<f64>() / size as f64;
        let variance = group.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / size as f64;
        for (at, value) in group.iter().enumerate() {
            let channel = (start + at) / (h * w) % c;
            let normed = (value - mean) / (variance + 1e-5).sqrt();
            out[start + at] = normed * wave("weight", channel) + wave("bias", channel);
        }
    }
    out
}

fn norm_of(channels: usize, groups: usize) -> GroupNorm {
    let mut norm = GroupNorm::new(groups, channels, &scope());
    fill(&mut norm, |entry, i| Some(wave(&entry.path, i)));
    norm
}

#[test]
fn maps_are_those_of_the_definition() {
    for (shape @ [n, c, h, w], groups) in CASES {
        let norm = norm_of(c, groups);
        let x: Vec<f64> = (0..n * c * h * w).map(|i| wave("x", i)).collect();
        let found = norm.forward(map(shape, |i| x[i]), Activation::Identity);
        let found = values(&found.permute([0, 3, 1, 2]));
        assert_near(&format!("{shape:?}"), &found, &expected(shape, groups, &x), 1e-9);
    }
}

#[test]
fn gradients_are_those_of_small_steps() {
    let (shape, groups) = ([2, 6, 2, 3], 3);
    let loss = |norm: &GroupNorm, x: Tensor<4>| {
        let weights = map(shape, |i| wave("loss", i));
        (norm.forward(x, Activation::Silu) * weights).sum()
    };
    let norm = norm_of(6, groups);
    let x = map(shape, |i| wave("x", i)).autodiff().require_grad();
    let tape = loss(&norm, x.clone()).backward();
    let found = values(&x.grad(&tape).unwrap().permute([0, 3, 1, 2]));
    let at = |moved: usize, by: f64| {
        let x = map(shape, |i| wave("x", i) + if i == moved { by } else { 0.0 });
        values(&loss(&norm, x))[0]
    };
    let step = 1e-5;
    let slopes: Vec<f64> = (0..72)
        .map(|i| (at(i, step) - at(i, -step)) / (2.0 * step))
        .collect();
    assert_near("gradient of the map", &found, &slopes, 1e-6);
}

#[test]
fn both_forms_agree() {
    for (shape @ [_, c, ..], groups) in CASES {
        for activation in [Activation::Identity, Activation::Relu, Activation::Gelu] {
            let run = || {
                let mut norm = norm_of(c, groups);
                norm.rewrite(&mut |_, value| Some(value.cast(DType::F32)));
                let x = map(shape, |i| wave("x", i))
                    .cast(DType::F32)
                    .autodiff()
                    .require_grad();
                let y = norm.forward(x.clone(), activation);
                let weights = map(shape, |i| wave("loss", i)).cast(DType::F32);
                let tape = (y.clone() * weights).sum().backward();
                let mut found = vec![values(&y), values(&x.grad(&tape).unwrap())];
                found.extend(gradients(&norm, &tape).into_values());
                found
            };
            let (fast, portable) = (Form::Fast.with(run), Form::Portable.with(run));
            assert_ne!(fast, portable, "one form was compared with itself");
            for (fast, portable) in fast.iter().zip(&portable) {
                assert_near(&format!("{shape:?}, {activation:?}"), fast, portable, 1e-4);
            }
        }
    }
}

fn unit(scope: &Scope) -> (Conv2d, BatchNorm) {
    let conv = Conv2d::he_normal(Conv2dConfig::new(3, 4, 3), &scope.at("conv"));
    (conv, BatchNorm::new(4, &scope.at("norm")))
}

#[test]
fn a_frozen_batch_norm_has_nothing_to_learn_and_notes_nothing() {
    let rule = NormRule {
        epsilon: Some(0.0),
        ..NormRule::frozen()
    };
    let scope = Scope::new(&Device::flex(), Seed::new(0), "test").with_norms(rule);
    let (conv, mut norm) = unit(&scope);
    assert_eq!(count_trainable(&norm), 0);
    assert!(norm.entries().iter().all(|entry| entry.role == Role::Buffer));
    norm.rewrite(&mut |entry, value| (entry.path == "running_var").then(|| value * 4.0));
    assert_eq!(count_trainable(&norm), 0, "written anew it is still frozen");
    for form in [Form::Fast, Form::Portable] {
        form.with(|| {
            let x = Tensor::<4>::from_data(
                TensorData::new(
                    (0..150).map(|i| wave("x", i) as f32).collect::<Vec<_>>(),
                    [2, 5, 5, 3],
                ),
                &Device::flex(),
            );
            let run = |mode| {
                let mut pass = Pass::new(mode);
                let y = conv_norm(x.clone(), &conv, &norm, Activation::Identity, &mut pass);
                (y, pass.into_batch_statistics().len())
            };
            let ((trained, noted), (running, _)) = (run(Mode::Batch), run(Mode::Running));
            assert_eq!(noted, 0);
            assert_near(
                "by running statistics",
                &values(&trained),
                &values(&running),
                1e-6,
            );
            // Half of the convolution, as its variance is 4 and nothing is added to it.
            let half = conv.forward(x.clone(), &mut Pass::new(Mode::Running)) * 0.5;
            assert_near("by epsilon 0", &values(&trained), &values(&half), 1e-6);
            let tape = trained.sum().backward();
            assert_eq!(gradients(&norm, &tape).len(), 0);
            assert_eq!(gradients(&conv, &tape).len(), 1);
        });
    }
}

#[test]
fn an_ordinary_batch_norm_is_as_before() {
    let (_, norm) = unit(&scope());
    assert_eq!(count_trainable(&norm), 8);
    let roles: Vec<Role> = norm.entries().into_iter().map(|entry| entry.role).collect();
    assert_eq!(roles, [Role::Weight, Role::Weight, Role::Buffer, Role::Buffer]);
}
