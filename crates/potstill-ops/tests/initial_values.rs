//! Initial values: each parameter draws from its own stream, with the published spread.

use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use potstill_ops::{BatchNorm, Conv2d, Conv2dConfig, Linear, Scope};
use potstill_random::Seed;
use potstill_testing::numbers::values;

fn root(seed: u64, owner: &str) -> Scope {
    Scope::new(&Device::flex(), Seed::new(seed), owner)
}

fn drawn(scope: &Scope) -> Vec<f64> {
    values(&Conv2d::he_normal(Conv2dConfig::new(4, 5, 3), scope).weight.val())
}

#[test]
fn another_layer_changes_nothing() {
    let alone = drawn(&root(7, "student").at("layer2").at(0));
    let scope = root(7, "student");
    for i in 0..3 {
        drawn(&scope.at("layer1").at(i));
        Linear::new(3, 3, &scope.at("head"));
    }
    assert_eq!(drawn(&scope.at("layer2").at(0)), alone);
}

#[test]
fn places_owners_and_seeds_draw_differently() {
    let here = drawn(&root(7, "student").at("layer2"));
    for elsewhere in [
        root(7, "student").at("layer3"),
        root(7, "review-kd").at("layer2"),
        root(8, "student").at("layer2"),
    ] {
        assert_ne!(drawn(&elsewhere), here, "{}", elsewhere.path());
    }
    let linear = Linear::new(1, 20, &root(7, "student").at("layer2"));
    assert_ne!(
        values(&linear.weight.val()),
        values(&linear.bias.as_ref().unwrap().val()),
        "weight and bias of one layer"
    );
}

/// Mean, mean square and largest magnitude.
fn spread<const D: usize>(param: &Param<Tensor<D>>) -> (f64, f64, f64) {
    let values = values(&param.val());
    let mean = |f: fn(f64) -> f64| values.iter().map(|&value| f(value)).sum::<f64>() / values.len() as f64;
    (
        mean(|x| x),
        mean(|x| x * x),
        values.iter().fold(0.0, |most: f64, x| most.max(x.abs())),
    )
}

#[test]
fn normal_weights_have_twice_the_inverse_fan_as_variance() {
    let config = Conv2dConfig::new(32, 64, 3);
    let conv = |make: fn(Conv2dConfig, &Scope) -> Conv2d| make(config, &root(1, "student")).weight;
    for (weight, fan) in [
        (conv(Conv2d::he_normal), 32.0 * 9.0),
        (conv(Conv2d::he_normal_fan_out), 64.0 * 9.0),
    ] {
        // Of 18432 draws the mean square is within 4 % in all but one of ten thousand.
        let (mean, square, most) = spread(&weight);
        assert!((square * fan / 2.0 - 1.0).abs() < 0.04, "{square}");
        assert!(mean.abs() < 4.0 * (2.0 / fan / 18432.0).sqrt(), "{mean}");
        assert!(
            most > 3.0 * (2.0 / fan).sqrt(),
            "a normal distribution has tails: {most}"
        );
    }
    let (_, square, _) = spread(&Linear::he_normal(128, 100, &root(1, "student")).weight);
    assert!((square * 64.0 - 1.0).abs() < 0.05, "{square}");
}

#[test]
fn uniform_weights_fill_their_interval() {
    let config = Conv2dConfig::new(32, 64, 3).with_bias();
    for gain in [1.0, 3f64.sqrt()] {
        let conv = Conv2d::uniform(config, gain, &root(1, "student"));
        let bound = gain / 288f64.sqrt();
        let (_, square, most) = spread(&conv.weight);
        assert!(
            most <= bound * 1.000_001 && most > 0.999 * bound,
            "{most} of {bound}"
        );
        assert!((square * 3.0 / (bound * bound) - 1.0).abs() < 0.03, "{square}");
        assert!(spread(conv.bias.as_ref().unwrap()).2 <= bound * 1.000_001);
    }
    let (_, square, most) = spread(&Linear::new(100, 100, &root(1, "student")).weight);
    assert!(
        most <= 0.100_001 && (square * 300.0 - 1.0).abs() < 0.04,
        "{most}, {square}"
    );
}

#[test]
fn norms_start_as_the_identity() {
    let norm = BatchNorm::new(3, &root(1, "student"));
    for (param, value) in [
        (&norm.weight, 1.0),
        (&norm.bias, 0.0),
        (&norm.running_mean, 0.0),
        (&norm.running_var, 1.0),
    ] {
        assert_eq!(values(&param.val()), [value; 3]);
    }
    assert!(norm.weight.val().is_require_grad() && !norm.running_var.val().is_require_grad());
}
