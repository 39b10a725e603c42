//! The errors and sums of whole maps are the same in the fast form and in the portable one, values and gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use crate::cases::values;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use potstill_ops::{
    Border, Conv2d, Conv2dConfig, Form, Mode, Parameters, Pass, Scope, Window, avg_pool, gated_sum, max_pool,
    pooled_squared_error,
};
use potstill_random::Seed;

fn drawn(name: &str, shape: [usize; 4]) -> Tensor<4> {
    let mut stream = Seed::new(7).stream(name, &[]);
    let drawn: Vec<f32> = (0..shape.iter().product())
        .map(|_| stream.uniform(-1.0, 1.0) as f32)
        .collect();
    Tensor::<4>::from_data(TensorData::new(drawn, shape), &Device::flex().autodiff())
}

/// What came out, by name.
type Found = Vec<(&'static str, Vec<f32>)>;

fn compare(what: &str, may_be_equal: bool, run: impl Fn() -> Found) {
    let (fast, portable) = (Form::Fast.with(&run), Form::Portable.with(&run));
    assert!(
        may_be_equal || fast != portable,
        "{what}: one form was compared with itself"
    );
    assert_eq!(fast.len(), portable.len(), "{what}");
    for ((name, fast), (other, portable)) in fast.iter().zip(&portable) {
        assert_eq!((name, fast.len()), (other, portable.len()), "{what}");
        let largest = portable
            .iter()
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for (a, b) in fast.iter().zip(portable) {
            let equal = (a - b).abs() <= 2e-5 * largest || (a.is_nan() && b.is_nan());
            assert!(equal, "{what}, {name}: {a} is not {b} (largest {largest})");
        }
    }
}

#[test]
fn errors_of_pooled_maps() {
    let levels = [(4, 0.5), (2, 0.25), (1, 0.125)];
    for (shape, poolings) in [
        ([1, 1, 1, 3], &levels[3..]),
        ([2, 8, 8, 17], &levels[..]),
        ([5, 32, 32, 16], &levels[..]),
        ([3, 7, 5, 4], &levels[..]),
        ([2, 3, 3, 20], &levels[1..]),
        ([1, 2, 2, 64], &levels[2..]),
    ] {
        for tracked_target in [false, true] {
            compare(&format!("{shape:?}"), shape == [1, 1, 1, 3], || {
                let (map, target) = (
                    drawn("map", shape).require_grad(),
                    drawn("target", shape).require_grad(),
                );
                let goal = if tracked_target {
                    target.clone()
                } else {
                    target.clone().inner()
                };
                let error = pooled_squared_error(map.clone(), goal, 0.7, poolings);
                let mut found = vec![("error", values(error.clone().inner()))];
                // A factor, as the weight of a term is one.
                let gradients = (error * 3.0).backward();
                found.push(("map", values(map.grad(&gradients).unwrap())));
                found.extend(
                    target
                        .grad(&gradients)
                        .map(|gradient| ("target", values(gradient))),
                );
                assert_eq!(found.len(), if tracked_target { 3 } else { 2 });
                found
            });
        }
    }
}

#[test]
fn nothing_is_wrong_with_an_empty_batch() {
    compare("error", true, || {
        let [map, target] = ["map", "target"].map(|name| drawn(name, [0, 4, 4, 3]).inner());
        vec![(
            "error",
            values(pooled_squared_error(map, target, 1.0, &[(2, 0.5)])),
        )]
    });
    // Where there are no images the portable form knows no gradient of some leaves; the fast one knows it to be zero.
    compare("sum", true, || {
        gated_case([0, 4, 4, 3], [2, 2], [true; 3])[..2].to_vec()
    });
    let found = Form::Fast.with(|| gated_case([0, 4, 4, 3], [2, 2], [true; 3]));
    assert!(
        found[2..]
            .iter()
            .all(|(_, gradient)| gradient.iter().all(|&value| value == 0.0))
    );
}

fn gated_case(
    shape: [usize; 4],
    from: [usize; 2],
    [tracked_x, tracked_y, tracked_gates]: [bool; 3],
) -> Found {
    let [n, _, _, c] = shape;
    let scope = Scope::new(&Device::flex(), Seed::new(3), "gates");
    let gates = Conv2d::uniform(Conv2dConfig::new(2 * c, 2, 1).with_bias(), 3.0, &scope);
    let gates = if tracked_gates {
        gates
    } else {
        burn::module::Module::valid(&gates)
    };
    let leaves = [
        ("x", drawn("x", shape).require_grad(), tracked_x),
        (
            "y",
            drawn("y", [n, from[0], from[1], c]).require_grad(),
            tracked_y,
        ),
    ];
    let [x, y] = leaves
        .clone()
        .map(|(_, leaf, tracked)| if tracked { leaf } else { leaf.inner() });
    let mut pass = Pass::new(Mode::Batch);
    let sum = gated_sum(x, y, &gates, &mut pass);
    let mut found = vec![
        ("sum", values(sum.clone().inner())),
        ("multiplications", vec![pass.macs() as f32]),
    ];
    if sum.is_autodiff() {
        let gradients = (sum * drawn("gradient", shape).inner()).sum().backward();
        for (name, leaf, _) in leaves {
            found.extend(leaf.grad(&gradients).map(|gradient| (name, values(gradient))));
        }
        gates.each_gradient(&gradients, &mut |_, gradient| {
            found.push(("gates", values(gradient)));
        });
    }
    found
}

#[test]
fn gated_sums() {
    for (shape, from) in [
        ([1, 1, 1, 3], [1, 1]),
        ([2, 5, 4, 17], [2, 3]),
        ([3, 8, 8, 32], [4, 4]),
        ([2, 6, 6, 16], [6, 6]),
    ] {
        for tracked in [
            [true; 3],
            [true, false, false],
            [false, true, false],
            [false, false, true],
            [false; 3],
        ] {
            compare(&format!("{shape:?} {tracked:?}"), shape[3] == 3, || {
                gated_case(shape, from, tracked)
            });
        }
    }
}

#[test]
fn other_number_types_take_the_portable_form() {
    let run = || {
        let [map, target] = ["map", "target"].map(|name| drawn(name, [2, 5, 5, 3]).cast(DType::F64));
        values(pooled_squared_error(map, target, 1.0, &[(2, 0.5)]).inner())
    };
    assert_eq!(Form::Fast.with(run), Form::Portable.with(run));
}

#[test]
fn windows_of_maps() {
    let windows = [
        Window::new(2),
        Window::new(3).stride(2).padding(1),
        Window::new(3).stride(1).padding(1),
        Window::new(2).stride(3).padding(1),
    ];
    for shape in [[2, 8, 8, 16], [3, 9, 7, 17], [1, 4, 4, 3], [0, 4, 4, 8]] {
        for window in windows {
            for kind in [None, Some(Border::Counted), Some(Border::LeftOut)] {
                // The largest values are the same numbers in both forms.
                compare(&format!("{shape:?} {window:?} {kind:?}"), true, || {
                    let map = drawn("map", shape).require_grad();
                    let pooled = match kind {
                        None => max_pool(map.clone(), window),
                        Some(border) => avg_pool(map.clone(), window, border),
                    };
                    let weight =
                        Tensor::<1, Int>::arange(0..pooled.shape().num_elements() as i64, &pooled.device());
                    let loss = (pooled.clone() * (weight.float() * 0.1).sin().reshape(pooled.shape())).sum();
                    let gradient = map.grad(&loss.backward()).unwrap();
                    vec![("pooled", values(pooled)), ("gradient", values(gradient))]
                });
            }
        }
    }
}
