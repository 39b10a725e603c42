//! Optimisers and clipping give PyTorch's recorded numbers, step for step.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::{
    module::{Module, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use potstill_ops::{Form, Parameters};
use potstill_optim::{Optimizer, clip_by_global_norm};
use potstill_recipe::{Adam, AdamW, Dot, OptimizerSpec, Sgd};
use potstill_testing::numbers::{self, NINE_DIGITS, assert_near, numbers as all, recorded, tensor, values};
use serde_json::Value;

fn record() -> Value {
    recorded("potstill-optim/tests/reference/optimizers.json")
}

/// The recorded settings as a recipe would say them.
fn spec(case: &Value, settings: &Value) -> OptimizerSpec {
    let mut keys = settings.as_object().unwrap().clone();
    keys.insert("kind".into(), case["optimizer"].clone());
    keys.insert("lr".into(), case["learning_rates"][0].clone());
    read(keys)
}

/// What is given over what PyTorch takes for the rest.
fn read(given: serde_json::Map<String, Value>) -> OptimizerSpec {
    let rate = given["lr"].as_f64().unwrap();
    let usual: OptimizerSpec = match given["kind"].as_str().unwrap() {
        "sgd" => Sgd::with_rate(rate).into(),
        "adam" => Adam::with_rate(rate).into(),
        _ => AdamW::with_rate(rate).into(),
    };
    let mut keys = serde_json::to_value(usual).unwrap();
    keys.as_object_mut().unwrap().extend(given);
    serde_json::from_value(keys).unwrap()
}

/// The gradient at these parameters, `shift` off the recorded one.
fn gradient(params: &[f64], step: usize, shift: f64) -> Tensor<1> {
    tensor([params.len()], |i| {
        (0.2 * i as f64 + 0.7 * step as f64 + shift).cos() + 0.1 * params[i]
    })
}

fn start() -> Tensor<1> {
    tensor([12], |i| (0.3 * i as f64 + 0.1).sin())
}

#[test]
fn every_recorded_trajectory_is_followed() {
    let record = record();
    let cases = record["cases"].as_object().unwrap();
    assert_eq!(cases.len(), 9);
    for (name, case) in cases {
        let mut optimizer = Optimizer::new(&spec(case, &case["settings"]));
        let (mut params, mut neighbour) = (start(), start());
        let after = case["params_after_step"].as_array().unwrap();
        for (step, (rate, expected)) in all(&case["learning_rates"]).into_iter().zip(after).enumerate() {
            let descent = gradient(&values(&params), step, 0.0);
            params = optimizer.update("layer.weight", params, descent, rate);
            assert_near(
                &format!("{name} after step {step}"),
                &values(&params),
                &all(expected),
                NINE_DIGITS,
            );
            // Another parameter, moved between the steps of the first: its state must be its own.
            let descent = gradient(&values(&neighbour), step, 1.0);
            neighbour = optimizer.update("layer.bias", neighbour, descent, rate);
        }
    }
}

/// Several parameters of odd lengths through several steps, some of them an empty batch's zero gradient.
fn trajectory(spec: &OptimizerSpec, form: Form) -> Vec<Vec<f32>> {
    let device = Device::flex();
    let single = |values: Vec<f64>| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        let len = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [len]), &device)
    };
    form.with(|| {
        let mut optimizer = Optimizer::new(spec);
        let lengths = [0, 1, 15, 16, 17, 1000];
        let mut params = lengths.map(|len| single((0..len).map(|i| (0.3 * i as f64 + 0.1).sin()).collect()));
        for step in 0..5 {
            for (choice, params) in params.iter_mut().enumerate() {
                let slope = |i: usize| {
                    if step == 3 {
                        0.0
                    } else {
                        (0.2 * i as f64 + 0.7 * step as f64).cos()
                    }
                };
                let gradient = single((0..lengths[choice]).map(slope).collect());
                *params = optimizer.update(
                    &format!("p{choice}"),
                    params.clone(),
                    gradient,
                    0.05 / (step + 1) as f64,
                );
            }
        }
        params
            .map(|params| params.into_data().try_to_vec().unwrap())
            .to_vec()
    })
}

#[test]
fn the_sweep_over_slices_and_the_plain_operations_agree() {
    for settings in [
        serde_json::json!({"kind": "sgd", "lr": 0.1}),
        serde_json::json!({"kind": "sgd", "lr": 0.1, "weight_decay": 0.01}),
        serde_json::json!({"kind": "sgd", "lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
        serde_json::json!({"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true, "weight_decay": 0.01}),
        serde_json::json!({"kind": "adam", "lr": 0.1, "weight_decay": 0.01}),
        serde_json::json!({"kind": "adamw", "lr": 0.1, "weight_decay": 0.1, "betas": [0.8, 0.95]}),
    ] {
        let spec = read(settings.as_object().unwrap().clone());
        let (fast, portable) = (trajectory(&spec, Form::Fast), trajectory(&spec, Form::Portable));
        assert_ne!(fast, portable, "{settings}: one form was compared with itself");
        for (ours, theirs) in fast.iter().flatten().zip(portable.iter().flatten()) {
            assert!(
                (ours - theirs).abs() <= 2e-6,
                "{settings}: {ours} is not {theirs}"
            );
        }
        assert_eq!(fast.concat().len(), 1049);
    }
}

#[test]
fn what_is_left_out_has_the_defaults_of_pytorch() {
    let record = record();
    for (name, left_out) in [
        ("sgd", Value::from(serde_json::Map::new())),
        ("adam", serde_json::json!({})),
    ] {
        let case = &record["cases"][name];
        assert_eq!(spec(case, &left_out), spec(case, &case["settings"]), "{name}");
    }
    // torch.optim.AdamW alone decays by default: 0.01, as in the record.
    let case = &record["cases"]["adamw"];
    assert_eq!(spec(case, &serde_json::json!({})), spec(case, &case["settings"]));
}

#[test]
fn dampening_spares_the_first_step() {
    // p = 1, g = 1 and 2, momentum 0.5, dampening 0.25: b = 1, then 0.5 + 0.75 * 2 = 2.
    let spec = serde_json::json!({"kind": "sgd", "lr": 0.1, "momentum": 0.5, "dampening": 0.25});
    let mut optimizer = Optimizer::new(&read(spec.as_object().unwrap().clone()));
    let params = optimizer.update("w", tensor([1], |_| 1.0), tensor([1], |_| 1.0), 0.1);
    assert_near("first", &values(&params), &[0.9], 1e-14);
    let params = optimizer.update("w", params, tensor([1], |_| 2.0), 0.1);
    assert_near("second", &values(&params), &[0.7], 1e-14);
}

/// Three tensors of the recorded shapes.
#[derive(Module, Debug)]
struct Three {
    first: Param<Tensor<1>>,
    second: Param<Tensor<2>>,
    third: Param<Tensor<3>>,
}

#[test]
fn gradients_are_clipped_by_their_common_norm() {
    let param = |shape| tensor::<1>([shape], |_| 0.0).autodiff();
    let three = Three {
        first: Param::from_tensor(param(3)),
        second: Param::from_tensor(param(4).reshape([2, 2])),
        third: Param::from_tensor(param(6).reshape([1, 2, 3])),
    };
    for (name, case) in record()["clip_by_global_norm"]["cases"].as_object().unwrap() {
        let wanted: Vec<Vec<f64>> = case["gradients"].as_array().unwrap().iter().map(all).collect();
        let constant = |k: usize| tensor([wanted[k].len()], |i| wanted[k][i]);
        // The gradient of a sum of products with constants are the constants.
        let loss = (three.first.val() * constant(0)).sum()
            + (three.second.val() * constant(1).reshape([2, 2])).sum()
            + (three.third.val() * constant(2).reshape([1, 2, 3])).sum();
        let tape = loss.backward();
        let factor = clip_by_global_norm(&[&three], &tape, case["max_norm"].as_f64().unwrap());
        let parts: [&dyn Parameters; 3] = [&three.first, &three.second, &three.third];
        assert_eq!(
            clip_by_global_norm(&parts, &tape, case["max_norm"].as_f64().unwrap()),
            factor,
            "{name}"
        );
        let own = numbers::gradients(&three, &tape);
        for (path, clipped) in ["first", "second", "third"]
            .iter()
            .zip(case["clipped"].as_array().unwrap())
        {
            let ours: Vec<f64> = own[*path].iter().map(|value| value * factor).collect();
            assert_near(&format!("{name}, {path}"), &ours, &all(clipped), NINE_DIGITS);
        }
    }
}

/// The numbers that a record says: `offset + scale sin(freq i + chirp i i + phase)`.
fn filled(record: &Value) -> Tensor<1> {
    let key = |key: &str| record[key].as_f64().unwrap();
    let count: f64 = all(&record["shape"]).iter().product();
    tensor([count as usize], |i| {
        let i = i as f64;
        let at = key("freq") * i + key("chirp") * (i * i) + key("phase");
        let wave = if record["fn"] == "sin" { at.sin() } else { at.cos() };
        key("offset") + key("scale") * wave
    })
}

#[test]
fn two_momenta_follow_the_recorded_steps() {
    let file = recorded("potstill-methods/tests/reference/classics/dot.json");
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for (case, (precision, room)) in cases
        .iter()
        .flat_map(|case| [(DType::F64, 1e-9), (DType::F32, 2e-5)].map(|of| (case, of)))
    {
        let option = |key: &str| case["options"][key].as_f64().unwrap();
        let rule = Dot {
            lr: option("lr"),
            momentum: option("momentum"),
            delta: option("delta"),
            weight_decay: option("weight_decay"),
        };
        let mut optimizer = Optimizer::new(&OptimizerSpec::Dot(rule));
        assert!(optimizer.is_apart());
        let mut weights = ["a", "b"].map(|name| filled(&case["inputs"][name]).cast(precision));
        for step in 0..case["expected"].as_object().unwrap().len() {
            for (place, name) in ["a", "b"].into_iter().enumerate() {
                let gradient = |of: &str| {
                    let key = format!("step_{step}.{of}.{name}");
                    Some(filled(&case["gradients_given"][key]).cast(precision))
                };
                let both = [gradient("task"), gradient("kd")];
                let value = weights[place].clone();
                weights[place] = optimizer.update_apart(name, value, both, option("lr"));
                let wanted = all(&case["expected"][format!("after_step_{step}")][name]);
                let what = format!("{}, step {step}, {name}", case["id"]);
                assert_near(&what, &values(&weights[place]), &wanted, room);
            }
        }
    }
}

#[test]
fn a_weight_with_one_gradient_has_one_momentum_and_decays() {
    let rule = Dot {
        lr: 0.1,
        momentum: 0.5,
        delta: 0.25,
        weight_decay: 0.01,
    };
    let one = |number: f64| tensor([1], |_| number);
    for place in 0..2 {
        let mut optimizer = Optimizer::new(&OptimizerSpec::Dot(rule.clone()));
        let mut weight = one(1.0);
        let (mut wanted, mut buffer) = (1.0, None);
        for _ in 0..3 {
            let mut both = [None, None];
            both[place] = Some(one(2.0));
            weight = optimizer.update_apart("w", weight, both, 0.1);
            let step = 2.0 + 0.01 * wanted;
            let direction = buffer.map_or(step, |kept: f64| 0.5 * kept + step);
            buffer = Some(direction);
            wanted -= 0.1 * direction;
            assert_near("weight", &values(&weight), &[wanted], 1e-12);
        }
        assert_eq!(optimizer.updates("w"), 3);
    }
}
