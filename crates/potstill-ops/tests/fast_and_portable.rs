//! The fast form and the portable form give the same values, the same gradients and the same batch moments.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use crate::cases::{Case, Net, Outcome, values};
use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, Border, Conv2dConfig, Form, Frozen, Mode, Parameters, Pass, Role, Window, avg_pool,
    channel_shuffle, conv_norm, max_pool,
};

/// Both forms on the same case. The tolerance is relative to the largest element of each tensor.
fn compare(case: &Case) {
    let (fast, portable) = (Form::Fast.with(|| case.run()), Form::Portable.with(|| case.run()));
    assert_eq!(fast.names(), portable.names(), "{case:?}");
    for ((name, fast), (_, portable)) in fast.tensors.iter().zip(&portable.tensors) {
        let what = format!("{name} of {case:?}");
        if name == "conv.bias" && case.with_norm && case.mode == Mode::Batch {
            // The batch norm takes a bias away: both gradients are nothing but rounding.
            assert!(
                fast.iter().chain(portable).all(|value| value.abs() < 1e-4),
                "{what}"
            );
            continue;
        }
        assert_close(fast, portable, 3e-5, &what);
    }
    assert_eq!(fast.macs, portable.macs);
}

fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs
        .iter()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * largest,
            "{what}, element {i}: {a} is not {b} (largest {largest})"
        );
    }
}

fn conv3(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig::new(inputs, outputs, 3)
}

#[test]
fn sizes_channels_and_strides() {
    let shapes = [
        ([5, 1, 1], conv3(3, 17)),
        ([1, 7, 5], conv3(17, 3)),
        ([2, 9, 7], conv3(3, 16).stride(2)),
        ([2, 8, 8], conv3(16, 32).stride(2)),
        ([2, 5, 5], Conv2dConfig::new(17, 16, 1)),
        ([3, 7, 7], Conv2dConfig::new(16, 33, 1).stride(2)),
        (
            [2, 6, 6],
            Conv2dConfig {
                groups: 17,
                ..conv3(17, 17)
            },
        ),
        (
            [2, 6, 6],
            Conv2dConfig {
                groups: 2,
                dilation: [2, 1],
                ..conv3(8, 12)
            },
        ),
    ];
    for (map, config) in shapes {
        compare(&Case::unit(map, config));
        compare(&Case {
            mode: Mode::Running,
            tracked_net: false,
            ..Case::unit(map, config)
        });
        compare(&Case {
            mode: Mode::RunningWithGradient,
            ..Case::unit(map, config)
        });
    }
}

#[test]
fn activations_residuals_and_what_is_frozen() {
    for activation in [Activation::Identity, Activation::Relu] {
        for residual in [false, true] {
            for (tracked_x, tracked_net) in [(true, true), (true, false), (false, true), (false, false)] {
                for mode in [Mode::Batch, Mode::Running, Mode::RunningWithGradient] {
                    let unit = Case::unit([2, 6, 5], conv3(6, 6));
                    compare(&Case {
                        activation,
                        residual,
                        tracked_x,
                        tracked_net,
                        mode,
                        ..unit
                    });
                }
            }
        }
    }
}

const CURVED: [Activation; 6] = [
    Activation::Relu6,
    Activation::LeakyRelu(0.1),
    Activation::LeakyRelu(-0.5),
    Activation::HardSwish,
    Activation::Silu,
    Activation::Gelu,
];

#[test]
fn every_activation_with_and_without_residuals() {
    for activation in CURVED {
        for residual in [false, true] {
            for mode in [Mode::Batch, Mode::Running, Mode::RunningWithGradient] {
                compare(&Case {
                    activation,
                    residual,
                    mode,
                    reach: 6.0,
                    ..Case::unit([2, 6, 5], conv3(6, 6))
                });
            }
        }
        compare(&Case {
            activation,
            tracked_net: false,
            tracked_x: false,
            mode: Mode::Running,
            ..Case::unit([2, 6, 5], conv3(6, 6))
        });
    }
}

#[test]
fn a_bias_before_a_batch_norm() {
    for mode in [Mode::Batch, Mode::Running, Mode::RunningWithGradient] {
        for (residual, tracked) in [(false, true), (true, true), (true, false)] {
            compare(&Case {
                mode,
                residual,
                tracked_net: tracked,
                tracked_x: tracked,
                ..Case::unit([2, 6, 5], conv3(6, 7).with_bias())
            });
        }
    }
}

#[test]
fn a_batch_norm_alone() {
    for (map, channels) in [([2, 6, 5], 6), ([3, 1, 1], 17), ([2, 9, 7], 33)] {
        for (tracked_x, tracked_net) in [(true, true), (true, false), (false, true), (false, false)] {
            for mode in [Mode::Batch, Mode::Running, Mode::RunningWithGradient] {
                compare(&Case {
                    tracked_x,
                    tracked_net,
                    mode,
                    ..Case::norm(map, channels)
                });
            }
        }
    }
    for activation in CURVED.into_iter().chain([Activation::Identity]) {
        compare(&Case {
            activation,
            reach: 6.0,
            ..Case::norm([2, 6, 5], 6)
        });
    }
    compare(&Case {
        permuted: true,
        ..Case::norm([2, 6, 5], 6)
    });
}

#[test]
fn a_convolution_alone_with_and_without_bias() {
    for config in [
        conv3(5, 7).with_bias(),
        conv3(5, 7),
        Conv2dConfig::new(32, 2, 1).with_bias(),
    ] {
        for (tracked_x, tracked_net) in [(true, true), (true, false), (false, true), (false, false)] {
            compare(&Case {
                tracked_x,
                tracked_net,
                ..Case::conv([2, 6, 5], config)
            });
        }
    }
}

#[test]
fn pools_and_shuffles_of_maps_with_equal_values() {
    type Change = fn(Tensor<4>) -> Tensor<4>;
    let changes: [(&str, Change); 6] = [
        ("max 2", |x| max_pool(x, Window::new(2))),
        ("max 3", |x| max_pool(x, Window::new(3).stride(2).padding(1))),
        ("mean 3, counted", |x| {
            avg_pool(x, Window::new(3).stride(2).padding(1), Border::Counted)
        }),
        ("mean 3, left out", |x| {
            avg_pool(x, Window::new(3).stride(1).padding(1), Border::LeftOut)
        }),
        ("shuffle 2", |x| channel_shuffle(x, 2)),
        ("shuffle 6", |x| channel_shuffle(x, 6)),
    ];
    for (what, change) in changes {
        for permuted in [false, true] {
            let case = Case {
                permuted,
                ..Case::norm([3, 7, 10], 18)
            };
            let run = || {
                let leaf = case.input();
                // A quarter of the values is 0: the first of equal ones wins.
                let y = change(case.view(leaf.clone()).clamp_min(0.0));
                let gradients = (y.clone() * y.clone() + y.clone()).sum().backward();
                let plain = change(case.view(leaf.clone()).inner().clamp_min(0.0));
                assert!(!plain.is_autodiff());
                [
                    values(y.inner()),
                    values(leaf.grad(&gradients).unwrap()),
                    values(plain),
                ]
            };
            let (fast, portable) = (Form::Fast.with(run), Form::Portable.with(run));
            for (fast, portable) in fast.iter().zip(&portable) {
                assert_close(fast, portable, 1e-6, what);
            }
        }
    }
}

#[test]
fn strided_inputs_are_read_right() {
    compare(&Case {
        permuted: true,
        residual: true,
        ..Case::unit([2, 6, 5], conv3(6, 6))
    });
    compare(&Case {
        permuted: true,
        ..Case::conv([2, 6, 5], conv3(6, 6).with_bias())
    });
}

#[test]
fn the_fast_form_is_what_runs() {
    // Rounding differs somewhere among a thousand sums; if nothing differs, one form was compared with itself.
    let case = Case::unit([2, 9, 9], conv3(16, 16));
    let (fast, portable) = (Form::Fast.with(|| case.run()), Form::Portable.with(|| case.run()));
    assert_ne!(fast.tensors, portable.tensors);
}

/// The output by running statistics, in the form that packs weights and in the one that does not.
fn both_running(net: &Net, x: &Tensor<4>) -> (Vec<f32>, Vec<f32>) {
    let run = || {
        let mut pass = Pass::new(Mode::Running);
        values(conv_norm(
            x.clone(),
            &net.conv,
            &net.norm,
            Activation::Identity,
            &mut pass,
        ))
    };
    (Form::Fast.with(run), Form::Portable.with(run))
}

#[test]
fn packed_weights_are_never_stale() {
    let case = Case::unit([2, 6, 5], conv3(6, 6));
    let (mut net, x) = (case.net(), case.input().inner());
    let mut last = Vec::new();
    for role in [Role::Weight, Role::Buffer, Role::Weight] {
        let frozen = Frozen::new(&net);
        for _ in 0..2 {
            let (fast, portable) = both_running(frozen.get(), &x);
            assert_close(&fast, &portable, 3e-5, "a frozen copy");
            assert_ne!(fast, last, "the change since the last copy was not seen");
        }
        last = both_running(frozen.get(), &x).0;
        net.rewrite(&mut |entry, value| (entry.role == role).then(|| value * 1.5));
        assert_eq!(both_running(frozen.get(), &x).0, last, "a frozen copy moved");
    }
}

#[test]
fn a_plain_network_changed_in_place_is_packed_again() {
    let case = Case::unit([2, 6, 5], conv3(6, 6));
    let (mut net, x) = (case.net().valid(), case.input().inner());
    for _ in 0..3 {
        let (fast, portable) = both_running(&net, &x);
        assert_close(&fast, &portable, 3e-5, "a plain network");
        // Each parameter by itself: the convolution, and with it what it packed, stays the same object.
        net.conv.weight = net.conv.weight.clone().map(|weight| weight * -0.7);
        net.norm.running_var = net.norm.running_var.clone().map(|variance| variance + 0.3);
        net.norm.bias = net.norm.bias.clone().map(|bias| bias + 0.1);
    }
}

#[test]
fn other_number_types_take_the_portable_form() {
    let case = Case {
        double: true,
        ..Case::unit([2, 6, 5], conv3(6, 6))
    };
    let (fast, portable): (Outcome, Outcome) =
        (Form::Fast.with(|| case.run()), Form::Portable.with(|| case.run()));
    assert_eq!(fast.tensors, portable.tensors);
}
