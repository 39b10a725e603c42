//! Maps under boxes are those of torchvision, with their gradients, in both forms.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;

use burn::tensor::{DType, Tensor};
use potstill_ops::{Form, Region, RoiAlign};
use potstill_testing::{
    command::shared,
    numbers::{NINE_DIGITS, assert_near, assert_summary, map, nchw, numbers, values},
};
use serde_json::{Value, from_value};

/// The vectors have six digits.
const SIX_DIGITS: f64 = 5e-6;
const FORMS: [(Form, DType); 3] = [
    (Form::Portable, DType::F64),
    (Form::Portable, DType::F32),
    (Form::Fast, DType::F32),
];

fn region(row: &Value) -> Region {
    let row: Vec<f64> = from_value(row.clone()).unwrap();
    Region {
        image: row[0] as usize,
        corners: [row[1], row[2], row[3], row[4]],
    }
}

#[test]
fn small_maps_and_gradients_are_the_recorded_ones() {
    let Some(file) = shared("methods/dense/roi_align.json") else {
        return;
    };
    let record: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let regions: Vec<Region> = record["rois"].as_array().unwrap().iter().map(region).collect();
    for (aligned, sampling) in [(false, Some(2)), (false, None), (true, Some(2)), (true, None)] {
        let written = (
            if aligned { "True" } else { "False" },
            sampling.map_or(-1, |count| count as i64),
        );
        let case = &record[format!("aligned {} sampling {}", written.0, written.1)];
        let rule = RoiAlign {
            bins: [3, 2],
            scale: 0.125,
            sampling,
            aligned,
        };
        for (form, dtype) in FORMS {
            form.with(|| {
                let what = format!("{form:?} {dtype:?} aligned {aligned} sampling {sampling:?}");
                let shown = map([2, 3, 6, 8], |i| (0.31 * i as f64).sin()).cast(dtype);
                let shown = shown.autodiff().require_grad();
                let pooled = rule.forward(&shown, &regions);
                let all = nchw(&pooled);
                let first_channel: Vec<f64> = all.chunks(6).step_by(3).flatten().copied().collect();
                assert_near(&what, &first_channel, &numbers(&case["out"]), SIX_DIGITS);
                assert_summary(&what, &all, &case["all"], SIX_DIGITS);
                let weights = map([5, 3, 3, 2], |i| (0.1 * i as f64).cos()).cast(dtype);
                let tape = (pooled * weights.autodiff()).sum().backward();
                assert_summary(
                    &what,
                    &nchw(&shown.grad(&tape).unwrap()),
                    &case["grad"],
                    SIX_DIGITS,
                );
            });
        }
    }
}

/// Regions of every kind, in no order, on a map with more channels than a task of the backward pass takes.
#[test]
fn both_forms_agree_on_large_maps() {
    let at = |i: usize| Region {
        image: i % 3,
        corners: [
            -9.0 + 7.0 * i as f64,
            3.0 * (i % 5) as f64,
            4.0 + 9.5 * i as f64,
            20.0 + 6.3 * (i % 7) as f64,
        ],
    };
    let regions: Vec<Region> = (0..9).map(at).collect();
    let run = |form: Form, dtype: DType, rule: RoiAlign| {
        form.with(|| {
            let shown = map([3, 70, 9, 13], |i| (0.37 * i as f64).sin()).cast(dtype);
            let shown = shown.autodiff().require_grad();
            let pooled = rule.forward(&shown, &regions);
            let tape = pooled.clone().powi_scalar(2).sum().backward();
            (values(&pooled), values(&shown.grad(&tape).unwrap()))
        })
    };
    for rule in [
        RoiAlign::torchvision(7, 4),
        RoiAlign {
            sampling: None,
            ..RoiAlign::torchvision(3, 8)
        },
    ] {
        let (pooled, gradient) = run(Form::Portable, DType::F64, rule);
        let (fast, fast_gradient) = run(Form::Fast, DType::F32, rule);
        assert_near("small maps", &fast, &pooled, 1e-5);
        assert_near("gradient", &fast_gradient, &gradient, 1e-5);
    }
}

/// The mean of a constant map is the constant, wherever all samples lie inside.
#[test]
fn what_lies_inside_a_constant_map_is_constant() {
    let shown = map([1, 2, 5, 6], |_| 0.75);
    let inside = [Region {
        image: 0,
        corners: [1.0, 0.5, 17.3, 14.2],
    }];
    for sampling in [None, Some(1), Some(3)] {
        let rule = RoiAlign {
            sampling,
            ..RoiAlign::torchvision(4, 4)
        };
        let pooled = values(&rule.forward(&shown, &inside));
        assert_near("constant", &pooled, &[0.75; 32], NINE_DIGITS);
    }
}

#[test]
fn regions_that_lie_nowhere_show_nothing() {
    let nowhere = [
        (1, [0.0, 0.0, 8.0, 8.0]),
        (0, [f64::NAN, 0.0, 8.0, 8.0]),
        (0, [1e9, 1e9, 2e9, 2e9]),
        (0, [0.0, 0.0, f64::INFINITY, 8.0]),
    ];
    let regions = nowhere.map(|(image, corners)| Region { image, corners });
    let rule = RoiAlign {
        sampling: None,
        ..RoiAlign::torchvision(2, 4)
    };
    for (form, dtype) in FORMS {
        let shown: Tensor<4> = map([1, 3, 4, 4], |_| 1.0).cast(dtype);
        let pooled = form.with(|| rule.forward(&shown, &regions));
        assert_eq!(values(&pooled), vec![0.0; 4 * 4 * 3], "{form:?} {dtype:?}");
        let none = form.with(|| rule.forward(&shown, &[]));
        assert_eq!(none.dims(), [0, 2, 2, 3]);
    }
}
