//! The convolutional LSTM and the forecaster give the recorded numbers of an independent PyTorch
//! computation, and have the gradients of finite differences.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_methods::tskd::{ConvLstmCell, ConvLstmState, Forecaster, ForecasterConfig};
use potstill_ops::{Mode, Parameters, Pass, count_trainable};
use potstill_testing::numbers::{
    self, NINE_DIGITS, assert_near, fill, gradients, map, nchw, number, numbers as all, recorded, scope,
    values,
};
use serde_json::Value;

fn record() -> Value {
    recorded("potstill-methods/tests/reference/conv_lstm.json")
}

fn pass() -> Pass<'static> {
    Pass::new(Mode::Batch)
}

const STATE: [usize; 4] = [1, 2, 4, 4];

/// The cell of the record, its peepholes by a formula of their place in the list and their flat index.
fn cell(peepholes: Option<fn(usize, usize) -> f64>) -> ConvLstmCell {
    let mut cell = ConvLstmCell::new(2, 2, &scope());
    if peepholes.is_some() {
        cell = cell.with_peepholes([4, 4], &scope());
    }
    let of_gate = |path: &str| {
        ["input", "forget", "output"]
            .iter()
            .position(|gate| path.ends_with(gate))
    };
    fill(&mut cell, |entry, i| match entry.path.as_str() {
        "conv.weight" => Some(0.2 * (0.3 * i as f64).sin()),
        "conv.bias" => Some(0.05 * i as f64 - 0.175),
        path => Some(peepholes?(of_gate(path)?, i)),
    });
    cell
}

fn x() -> Tensor<4> {
    map(STATE, |i| (0.1 * i as f64).sin())
}

fn state() -> ConvLstmState {
    ConvLstmState {
        hidden: map(STATE, |i| (0.1 * i as f64).cos()),
        cell: map(STATE, |i| (0.2 * i as f64 + 1.0).sin()),
    }
}

#[test]
fn a_step_of_the_cell_is_the_recorded_one() {
    let constant = |gate: usize, _: usize| [0.1, -0.2, 0.3][gate];
    let wave = |gate: usize, i: usize| 0.3 * (0.9 * i as f64 + gate as f64).sin();
    let cases = [
        ("plain", cell(None), state()),
        ("zero_start", cell(None), ConvLstmState::zeros_for(&x(), 2)),
        ("peepholes", cell(Some(constant)), state()),
        ("waves", cell(Some(wave)), state()),
    ];
    for (case, cell, state) in cases {
        let after = cell.forward(x(), state, &mut pass());
        for (key, ours) in [("hidden", after.hidden), ("cell", after.cell)] {
            let theirs = all(&record()["cell"][case][key]);
            assert_near(&format!("{key}, {case}"), &nchw(&ours), &theirs, NINE_DIGITS);
        }
    }
}

#[test]
fn fresh_peepholes_change_nothing_and_learn() {
    let plain = cell(None).forward(x(), state(), &mut pass());
    let fresh = cell(Some(|_, _| 0.0));
    let after = fresh.forward(x(), state(), &mut pass());
    assert_eq!(values(&after.hidden), values(&plain.hidden));
    let own = gradients(&fresh, &after.hidden.sum().backward());
    for gate in ["input", "forget", "output"] {
        let gradient = &own[&format!("peepholes.{gate}")];
        assert!(gradient.iter().all(|&value| value != 0.0), "{gate}");
    }
    // Three maps of the state's size.
    assert_eq!(count_trainable(&fresh) - count_trainable(&cell(None)), 3 * 2 * 16);
}

/// The small forecaster of the record: layer k has weights `sin(0.7 i + k)` and biases `0.1 cos(i + k)`.
fn small() -> Forecaster {
    let config = ForecasterConfig {
        features: 2,
        hidden: 2,
        peepholes: None,
    };
    let mut forecaster = Forecaster::new(config, &scope());
    fill(&mut forecaster, |entry, i| {
        let layers = ["shrink", "encoder", "decoder", "enlarge", "refine", "head"];
        let layer = layers.iter().position(|layer| entry.path.starts_with(layer))?;
        let (i, k) = (i as f64, layer as f64 + 1.0);
        Some(if entry.path.ends_with("bias") {
            0.1 * (i + k).cos()
        } else {
            (0.7 * i + k).sin()
        })
    });
    forecaster
}

/// A sequence whose maps are one after the other in the formula's flat index.
fn sequence(length: usize, shape: [usize; 4], formula: fn(f64) -> f64) -> Vec<Tensor<4>> {
    let size: usize = shape.iter().product();
    let step = |s| map(shape, |i| formula((s * size + i) as f64).abs());
    (0..length).map(step).collect()
}

fn maps() -> Vec<Tensor<4>> {
    sequence(3, [1, 1, 4, 4], |i| (0.1 * i).sin())
}

#[test]
fn a_forecast_is_the_recorded_one_at_every_stage() {
    let (forecaster, record) = (small(), record());
    let state = forecaster.encode(maps(), &mut pass()).unwrap();
    let stepped = forecaster.step(state.clone(), &mut pass());
    let odd = sequence(2, [2, 1, 5, 3], |i| (0.3 * i).cos());
    let ours = [
        ("hidden", state.hidden),
        ("cell", state.cell),
        ("step", stepped.hidden),
        ("forecast", forecaster.forward(maps(), &mut pass()).unwrap()),
        ("odd", forecaster.forward(odd, &mut pass()).unwrap()),
    ];
    for (key, ours) in ours {
        assert_near(key, &nchw(&ours), &all(&record["forecaster"][key]), NINE_DIGITS);
    }
    assert!(forecaster.forward(Vec::new(), &mut pass()).is_none());
}

#[test]
fn sizes_and_costs_are_those_of_the_published_network() {
    // Parameters, and multiplications of one image over a sequence of three, of a tap with 32, 32 and 16 rows.
    let mut counted = Vec::new();
    for (size, hidden) in [(32, 64), (16, 32)] {
        let config = ForecasterConfig {
            features: 8,
            hidden,
            peepholes: None,
        };
        let forecaster = Forecaster::new(config, &scope());
        let mut pass = pass();
        let maps = sequence(3, [1, 1, size, size], |i| (0.1 * i).sin());
        let maps = maps.into_iter().map(|map| map.cast(DType::F32)).collect();
        let forecast = forecaster.forward(maps, &mut pass).unwrap();
        assert_eq!(forecast.dims(), [1, size, size, 1]);
        counted.push((count_trainable(&forecaster), pass.macs() as f64));
    }
    let [(wide, much), (narrow, little)] = counted[..] else {
        unreachable!("two of them")
    };
    assert_eq!((wide, narrow), (470_185, 124_841));
    assert_eq!(2 * wide + narrow, 1_065_211);
    assert_eq!(wide + 2 * narrow, 719_867);
    assert!(
        ((2.0 * much + little) / 1e6 - 425.0).abs() < 0.5,
        "{much} {little}"
    );
}

#[test]
fn gradients_of_a_forecast_are_those_of_finite_differences() {
    let forecaster = small();
    let shape = [2, 1, 5, 4];
    let formula = |s: usize, i: usize| (0.7 * i as f64 + s as f64).sin();
    let summed = |forecaster: &Forecaster, maps: Vec<Tensor<4>>| {
        let forecast = forecaster.forward(maps, &mut pass()).unwrap();
        (forecast * map(shape, |i| (0.9 * i as f64).cos())).sum()
    };
    let leaves: Vec<_> = (0..2)
        .map(|s| map(shape, |i| formula(s, i)).autodiff().require_grad())
        .collect();
    let tape = summed(&forecaster, leaves.clone()).backward();
    let step = 1e-5;
    for (s, leaf) in leaves.iter().enumerate() {
        let gradient = nchw(&leaf.grad(&tape).unwrap());
        for k in [0, 13, 39] {
            let at = |by: f64| {
                let moved = |t| map(shape, |i| formula(t, i) + if (t, i) == (s, k) { by } else { 0.0 });
                number(&summed(&forecaster, (0..2).map(moved).collect()))
            };
            near(
                &format!("map {s} {k}"),
                gradient[k],
                (at(step) - at(-step)) / (2.0 * step),
            );
        }
    }
    let plain = || (0..2).map(|s| map(shape, |i| formula(s, i))).collect();
    for (path, gradient) in gradients(&forecaster, &tape) {
        for k in [0, gradient.len() / 2, gradient.len() - 1] {
            let at = |by: f64| {
                let mut moved = forecaster.clone();
                moved.rewrite(&mut |entry, present| {
                    let size = present.dims()[0];
                    (entry.path == path)
                        .then(|| present + numbers::tensor([size], |i| if i == k { by } else { 0.0 }))
                });
                number(&summed(&moved, plain()))
            };
            near(
                &format!("{path} {k}"),
                gradient[k],
                (at(step) - at(-step)) / (2.0 * step),
            );
        }
    }
}

#[track_caller]
fn near(what: &str, gradient: f64, by_difference: f64) {
    let scale = by_difference.abs().max(1.0);
    assert!(
        (gradient - by_difference).abs() < 1e-7 * scale,
        "{what}: {gradient} is not {by_difference}"
    );
}

#[test]
fn what_sees_the_decoders_empty_input_gets_a_gradient_of_zero() {
    let forecaster = small();
    let forecast = forecaster.forward(maps(), &mut pass()).unwrap();
    let own = gradients(&forecaster, &forecast.sum().backward());
    let gradient = &own["decoder.conv.weight"];
    // [8, 4, 3, 3]: the first two inputs of each output are the empty ones.
    for (i, &value) in gradient.iter().enumerate() {
        assert_eq!(value == 0.0, i / 9 % 4 < 2, "{i}: {value}");
    }
    assert_eq!(own.len(), forecaster.entries().len());
}
