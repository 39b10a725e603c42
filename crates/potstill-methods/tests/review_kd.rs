//! ReviewKD's loss, fusion module and chain give the recorded numbers of an independent PyTorch computation.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Tensor;
use potstill_methods::{Abf, ReviewChain, hierarchical_context_loss};
use potstill_ops::{Mode, Pass, adaptive_avg_pool};
use potstill_testing::numbers::{
    self, DIVIDED, NINE_DIGITS, assert_near, fill, gradients, map, nchw, number, numbers as all, recorded,
    scope, tensor,
};
use serde_json::Value;

fn record() -> Value {
    recorded("potstill-methods/tests/reference/review_kd.json")
}

fn out(i: usize) -> f64 {
    (0.1 * i as f64).sin()
}

fn target(i: usize) -> f64 {
    (0.07 * i as f64).cos()
}

fn sizes<const D: usize>(value: &Value) -> [usize; D] {
    all(value)
        .into_iter()
        .map(|size| size as usize)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

#[test]
fn hierarchical_context_losses_are_the_recorded_ones() {
    let record = record();
    let mut losses = Vec::new();
    for case in record["hcl"]["cases"].as_array().unwrap() {
        let shape: [usize; 4] = sizes(&case["shape"]);
        let (out, target) = (map(shape, out), map(shape, target));
        let loss = number(&hierarchical_context_loss(out.clone(), target.clone()));
        assert_near(
            &format!("loss of {shape:?}"),
            &[loss],
            &all(&case["hcl"]),
            NINE_DIGITS,
        );
        losses.push(loss);
        // The loss's terms: the maps themselves, then their poolings.
        let grids = [4, 2, 1].into_iter().filter(|&grid| grid < shape[2]);
        let pooled = grids.map(|grid| [&out, &target].map(|map| adaptive_avg_pool(map.clone(), [grid; 2])));
        let terms = std::iter::once([out.clone(), target.clone()]).chain(pooled);
        let terms: Vec<f64> = terms
            .map(|[a, b]| number(&(a - b).powi_scalar(2).mean()))
            .collect();
        for (ours, theirs) in terms.iter().zip(all(&case["terms"])) {
            assert_near(&format!("a term of {shape:?}"), &[*ours], &[theirs], NINE_DIGITS);
        }
        assert_eq!(terms.len(), all(&case["terms"]).len());
    }
    assert_near(
        "two levels",
        &[losses[0] + losses[2]],
        &all(&record["hcl"]["two_levels_8x8_and_1x1"]),
        NINE_DIGITS,
    );
}

#[test]
fn the_gradient_of_the_loss_is_the_recorded_one() {
    let leaf = tensor([1, 2, 8, 8], out).autodiff().require_grad();
    let loss = hierarchical_context_loss(leaf.clone().permute([0, 2, 3, 1]), map([1, 2, 8, 8], target));
    let gradient = numbers::values(&leaf.grad(&loss.backward()).unwrap());
    let ours = [
        ("[0,0,0,0]", gradient[0]),
        ("[0,0,3,5]", gradient[3 * 8 + 5]),
        ("[0,1,7,7]", gradient[127]),
        ("sum", gradient.iter().sum()),
        ("norm", squares(&gradient).sqrt()),
    ];
    for (key, ours) in ours {
        assert_near(key, &[ours], &all(&record()["hcl"]["gradient_8x8"][key]), DIVIDED);
    }
}

/// The module of the record: 3 student channels, 2 inside, 4 of the teacher.
fn fusion(fuses: bool) -> Abf {
    let mut module = Abf::new(3, 2, 4, fuses, &scope());
    fill(&mut module, |entry, i| {
        let n = i as f64;
        match entry.path.as_str() {
            "conv1.weight" => Some(0.1 * (n + 1.0) - 0.3),
            "att.weight" => Some(0.05 * n - 0.2),
            "att.bias" => Some([0.1, -0.1][i]),
            "conv2.weight" => Some(0.1 * (0.3 * n).sin()),
            _ => None,
        }
    });
    module
}

fn feature() -> Tensor<4> {
    map([2, 3, 4, 4], out)
}

fn deeper(i: usize) -> f64 {
    (0.2 * i as f64).cos()
}

fn mode(case: &Value) -> Mode {
    match case["mode"].as_str() {
        Some("train") => Mode::Batch,
        _ => Mode::Running,
    }
}

#[test]
fn fusion_gives_the_recorded_maps() {
    let cases = record()["fusion"]["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let mode = mode(&case);
        let size = case["teacher_size"].as_u64().unwrap() as usize;
        let below = map([2, 2, 2, 2], deeper);
        let (out, residual) = fusion(true).forward(feature(), Some(below), [size; 2], &mut Pass::new(mode));
        assert_eq!(
            (out.dims(), residual.dims()),
            ([2, size, size, 4], [2, size, size, 2])
        );
        let (out, residual) = (nchw(&out), nchw(&residual));
        let ours = [
            ("residual", residual[..3].to_vec()),
            ("residual_sum_of_squares", vec![squares(&residual)]),
            ("out", out[..3].to_vec()),
            ("out_last", vec![out[out.len() - 1]]),
            ("out_sum_of_squares", vec![squares(&out)]),
        ];
        for (key, ours) in ours {
            assert_near(
                &format!("{key}, {} {size}", case["mode"]),
                &ours,
                &all(&case[key]),
                NINE_DIGITS,
            );
        }
    }
}

/// What goes into the gates, `x` and `y` of the record's module in `[N, C, H, W]` order, by their definitions.
fn before_fusion(mode: Mode) -> (Vec<f64>, Vec<f64>) {
    let at = |n: usize, c: usize, p: usize| (n * 3 + c) * 16 + p;
    let weight = |i: usize| 0.1 * (i as f64 + 1.0) - 0.3;
    let mut x = Vec::new();
    for n in 0..2 {
        for c in 0..2 {
            x.extend((0..16).map(|p| (0..3).map(|k| weight(c * 3 + k) * out(at(n, k, p))).sum::<f64>()));
        }
    }
    for c in 0..2 {
        let own: Vec<usize> = (0..64).filter(|i| i / 16 % 2 == c).collect();
        let mean = own.iter().map(|&i| x[i]).sum::<f64>() / 32.0;
        let variance = own.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / 32.0;
        let (mean, variance) = if mode == Mode::Batch {
            (mean, variance)
        } else {
            (0.0, 1.0)
        };
        for i in own {
            x[i] = (x[i] - mean) / (variance + 1e-5).sqrt();
        }
    }
    let y = (0..64)
        .map(|i| deeper(i / 16 * 4 + i % 16 / 8 * 2 + i % 4 / 2))
        .collect();
    (x, y)
}

/// The module keeps its two gates to itself, but with two channels the residual `x z0 + y z1` is two equations for them.
#[test]
fn gates_are_the_recorded_ones() {
    for case in record()["fusion"]["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["teacher_size"] == 4)
    {
        let mode = mode(case);
        let below = map([2, 2, 2, 2], deeper);
        let residual = nchw(
            &fusion(true)
                .forward(feature(), Some(below), [4, 4], &mut Pass::new(mode))
                .1,
        );
        let (x, y) = before_fusion(mode);
        let gates = |i: usize, j: usize| {
            let determinant = x[i] * y[j] - x[j] * y[i];
            let first = (residual[i] * y[j] - residual[j] * y[i]) / determinant;
            [first, (x[i] * residual[j] - x[j] * residual[i]) / determinant]
        };
        assert_near("at the first position", &gates(0, 16), &all(&case["gates"]), 1e-7);
        let everywhere = (0..2)
            .flat_map(|n| (0..16).map(move |p| n * 32 + p))
            .map(|i| gates(i, i + 16));
        let means = everywhere.fold([0.0; 2], |sum, gates| {
            [sum[0] + gates[0] / 32.0, sum[1] + gates[1] / 32.0]
        });
        assert_near("mean", &means, &all(&case["gate_means"]), 1e-7);
    }
}

#[test]
fn the_deepest_module_only_converts() {
    let case = &record()["fusion"]["without_attention_train_4"];
    let module = fusion(false);
    assert!(module.attention_bias().is_none());
    let (out, residual) = module.forward(feature(), None, [4, 4], &mut Pass::new(Mode::Batch));
    assert_near("out", &nchw(&out)[..3], &all(&case["out"]), NINE_DIGITS);
    assert_near(
        "residual",
        &[squares(&nchw(&residual))],
        &all(&case["residual_sum_of_squares"]),
        NINE_DIGITS,
    );
}

#[test]
fn a_chain_of_three_levels_gives_the_recorded_maps_losses_and_gradients() {
    let record = record();
    let mut chain = ReviewChain::new(&[(2, 2), (3, 4), (3, 3)], 3, &scope());
    fill(&mut chain, |entry, i| {
        let mut path = entry.path.split('.').skip(1);
        let level: usize = path.next()?.parse().ok()?;
        let choice = ["conv1", "att", "conv2"]
            .iter()
            .position(|name| path.clone().next() == Some(name))?;
        let k = (3 * level + choice) as f64;
        Some(if entry.path.ends_with("bias") {
            0.0
        } else {
            0.5 * (0.1 * (i as f64 + 1.0) + k).sin()
        })
    });
    let features = vec![
        map([2, 2, 8, 8], out),
        map([2, 3, 4, 4], deeper),
        map([2, 3, 1, 1], |i| (i as f64 + 0.5).sin()),
    ];
    let outs = chain.forward(features, &[[8, 8], [4, 4], [1, 1]], &mut Pass::new(Mode::Batch));
    let mut losses = Vec::new();
    for (l, (out, case)) in outs
        .into_iter()
        .zip(record["chain"]["levels"].as_array().unwrap())
        .enumerate()
    {
        let [n, h, w, c] = out.dims();
        let values = nchw(&out);
        let loss = hierarchical_context_loss(out, map([n, c, h, w], target));
        let ours = [
            ("out_first", values[..3].to_vec()),
            ("out_last", vec![values[values.len() - 1]]),
            (
                "out_sum_of_abs",
                vec![values.iter().map(|value| value.abs()).sum()],
            ),
            ("hcl", vec![number(&loss)]),
        ];
        for (key, ours) in ours {
            assert_near(
                &format!("{key} of level {l}"),
                &ours,
                &all(&case[key]),
                NINE_DIGITS,
            );
        }
        losses.push(loss);
    }
    assert_eq!(losses.len(), 3);
    let total = losses.into_iter().reduce(|sum, loss| sum + loss).unwrap();
    assert_near(
        "total",
        &[number(&total)],
        &all(&record["chain"]["total"]),
        NINE_DIGITS,
    );
    let own = gradients(&chain, &total.backward());
    let ours = [
        ("level1_att_bias", own["levels.0.att.bias"].clone()),
        (
            "level3_conv1_weight_0",
            own["levels.2.conv1.weight"][..1].to_vec(),
        ),
        (
            "level2_conv1_weight_0",
            own["levels.1.conv1.weight"][..1].to_vec(),
        ),
        (
            "level2_conv1_weight_norm",
            vec![squares(&own["levels.1.conv1.weight"]).sqrt()],
        ),
    ];
    for (key, ours) in ours {
        assert_near(key, &ours, &all(&record["chain"]["gradients"][key]), DIVIDED);
    }
}
