//! The KD layer against the recorded vectors, its symmetries, its gradients by finite differences, and its two forms.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use potstill_ops::{
    Form, Frozen, KdLayer, LOG_ZERO, Mode, Parameters, Pass, Point, Scope, Taps, channel_norm,
    count_trainable, softmax_divergence,
};
use potstill_random::Seed;
use potstill_testing::numbers::{
    DIVIDED, NINE_DIGITS, assert_near, fill, gradients, map, number, numbers as recorded_numbers, recorded,
    scope, tensor, values,
};
use serde_json::Value;

fn reference() -> Value {
    recorded("potstill-ops/tests/reference/kd_layer.json")
}

fn x() -> Tensor<4> {
    map([2, 3, 2, 2], |i| (0.7 * i as f64 + 0.2).sin())
}

/// The layer of the vectors, in double precision.
fn layer(alpha: f64) -> KdLayer {
    let mut layer = KdLayer::new(3, 5, alpha, "kd", &scope());
    fill(&mut layer, |entry, i| match entry.path.as_str() {
        "templates.weight" => Some((0.9 * i as f64).cos()),
        "vectors.weight" => Some((0.5 * i as f64 + 0.3).sin()),
        _ => None,
    });
    layer
}

/// What stands at a point of the layer, and what comes out.
fn run(layer: &KdLayer, x: Tensor<4>, mode: Mode, path: &str) -> (Tensor<4>, Tensor<4>) {
    let point = Point::post(path);
    let mut taps = Taps::at([&point]);
    let out = layer.forward(x, &mut Pass::visited(mode, &mut taps));
    (taps.map(&point).unwrap(), out)
}

#[test]
fn scores_matches_and_what_comes_out_are_the_recorded_ones() {
    for case in reference()["cases"].as_array().unwrap() {
        let layer = layer(case["alpha"].as_f64().unwrap());
        let mode = if case["training"].as_bool().unwrap() {
            Mode::Batch
        } else {
            Mode::RunningWithGradient
        };
        for (path, name) in [("kd.scores", "scores"), ("kd.matches", "matches"), ("kd", "out")] {
            let (tapped, out) = run(&layer, x(), mode, path);
            let expected = recorded_numbers(&case[name]);
            assert_near(name, &values(&tapped), &expected, NINE_DIGITS);
            assert_near("out", &values(&out), &recorded_numbers(&case["out"]), NINE_DIGITS);
        }
    }
}

fn soft_targets(features: &Tensor<4>) -> Tensor<2> {
    let rows = features.clone().reshape([8, 3]);
    let centres: Tensor<2> = tensor([5, 3], |i| (1.1 * i as f64).sin());
    let lengths = (centres.clone() * centres.clone()).sum_dim(1).transpose();
    rows.matmul(centres.transpose()) * 2.0 - lengths
}

/// The divergence of the vectors plus the mean square of what comes out.
fn whole_loss(layer: &KdLayer, x: Tensor<4>) -> Tensor<1> {
    let (scores, out) = run(layer, x, Mode::Batch, "kd.scores");
    let targets = soft_targets(&map([2, 3, 2, 2], |i| (0.4 * i as f64).cos()));
    let divergence = softmax_divergence(scores.reshape([8, 5]), &|range| {
        targets.clone().narrow(0, range.start, range.len())
    });
    divergence + (out.clone() * out).mean()
}

#[test]
fn gradients_are_the_recorded_ones_and_orthogonal_to_the_rows() {
    let (layer, reference) = (layer(1.0), reference()["gradients"].clone());
    let x = x().autodiff().require_grad();
    let loss = whole_loss(&layer, x.clone());
    let whole = reference["whole"].as_f64().unwrap();
    assert_near("loss", &[number(&loss)], &[whole], NINE_DIGITS);
    let slopes = loss.backward();
    let slope_of_x = values(&x.grad(&slopes).unwrap());
    assert_near("x", &slope_of_x, &recorded_numbers(&reference["x"]), DIVIDED);
    let found = gradients(&layer, &slopes);
    for path in [
        "templates.weight",
        "templates.scale",
        "vectors.weight",
        "vectors.scale",
    ] {
        let expected = recorded_numbers(&reference[path]);
        assert_near(path, &found[path], &expected, DIVIDED);
    }
    let rows = values(&layer.templates.weight.val());
    for (row, slope) in rows.chunks(3).zip(found["templates.weight"].chunks(3)) {
        let product: f64 = row.iter().zip(slope).map(|(a, b)| a * b).sum();
        assert!(product.abs() < 1e-7, "{product}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let layer = layer(0.7);
    let found = gradients(&layer, &whole_loss(&layer, x()).backward());
    let step = 1e-5;
    for (path, slopes) in &found {
        for (i, slope) in slopes.iter().enumerate() {
            let moved = |by: f64| {
                let mut layer = layer.clone();
                layer.rewrite(&mut |entry, value| {
                    let moved = tensor([value.dims()[0]], |k| if k == i { by } else { 0.0 });
                    (entry.path == *path).then(|| value + moved)
                });
                number(&whole_loss(&layer, x()))
            };
            let difference = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (difference - slope).abs() < 1e-6,
                "{path} {i}: {slope} is not {difference}"
            );
        }
    }
    assert_eq!(found.len(), 6, "every weight learns: {:?}", found.keys());
}

#[test]
fn only_directions_count() {
    let layer = layer(1.0);
    let longer = {
        let mut longer = layer.clone();
        longer.rewrite(&mut |entry, value| entry.path.ends_with("s.weight").then(|| value * 4.0));
        longer
    };
    for mode in [Mode::Batch, Mode::RunningWithGradient] {
        let (scores, out) = run(&layer, x(), mode, "kd.scores");
        let residual = values(&(out.clone() - x()));
        assert!(values(&scores).iter().all(|a| a.abs() <= 3.0));
        assert!(residual.iter().all(|v| v.abs() <= 1.0));
        let (same, same_out) = run(&longer, x(), mode, "kd.scores");
        assert_near("rows", &values(&same), &values(&scores), 1e-12);
        assert_near("rows", &values(&same_out), &values(&out), 1e-12);
        let (same, moved) = run(&layer, x() * 4.0, mode, "kd.scores");
        assert_near("feature", &values(&same), &values(&scores), 1e-12);
        assert_near("residual", &values(&(moved - x() * 4.0)), &residual, 1e-12);
        let mut unit = layer.clone();
        unit.normalise_rows();
        let (same, same_out) = run(&unit, x(), mode, "kd.scores");
        assert_near("normalised rows", &values(&same), &values(&scores), 1e-12);
        assert_near("normalised rows", &values(&same_out), &values(&out), 1e-12);
    }
    let blind = self::layer(0.0);
    assert_eq!(values(&run(&blind, x(), Mode::Batch, "kd").1), values(&x()));
}

#[test]
fn nothing_to_match_gives_nothing_and_no_nan() {
    let layer = layer(1.0);
    let nothing = x() * 0.0;
    for mode in [Mode::Batch, Mode::RunningWithGradient] {
        let tracked = nothing.clone().autodiff().require_grad();
        let (scores, out) = run(&layer, tracked.clone(), mode, "kd.scores");
        assert!(values(&scores).iter().all(|&a| a == 0.0));
        assert!(values(&out).iter().all(|&a| a == 0.0));
        let slopes = (out.clone() * out).sum().backward();
        let slopes = values(&tracked.grad(&slopes).unwrap());
        assert!(slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
    }
}

#[test]
fn the_learned_numbers_are_counted() {
    for (d, k) in [(3, 5), (64, 800)] {
        let layer = KdLayer::new(d, k, 1.0, "kd", &scope());
        assert_eq!(count_trainable(&layer), 2 * k * d + 2 * k + 2);
    }
}

#[test]
fn a_divergence_is_zero_at_equality_and_takes_zeros() {
    let scores: Tensor<2> = tensor([4, 6], |i| (i as f64).sin());
    let same = softmax_divergence(scores.clone(), &|range| {
        scores.clone().narrow(0, range.start, range.len()) + 5.0
    });
    assert!(number(&same).abs() < 1e-12);
    // Half the chance for each of two classes, none for the others.
    let halves: Tensor<2> = tensor([4, 6], |i| if i % 6 < 2 { 0.0 } else { LOG_ZERO });
    let found = softmax_divergence(scores.clone(), &|range| {
        halves.clone().narrow(0, range.start, range.len())
    });
    let log_softmax = values(&burn::tensor::activation::log_softmax(scores, 1));
    let rows = log_softmax
        .chunks(6)
        .map(|row| 0.5f64.ln() - 0.5 * (row[0] + row[1]));
    assert_near("halves", &[number(&found)], &[rows.sum::<f64>() / 4.0], 1e-12);
}

fn drawn<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
    let mut stream = Seed::new(7).stream(name, &[]);
    let drawn: Vec<f32> = (0..shape.iter().product())
        .map(|_| stream.uniform(-1.0, 1.0) as f32)
        .collect();
    Tensor::from_data(TensorData::new(drawn, shape), &Device::flex().autodiff())
}

/// Both forms, which have to be near and must not be the same thing twice.
fn compare(what: &str, run: impl Fn() -> Vec<Vec<f64>>) {
    let (fast, portable) = (Form::Fast.with(&run), Form::Portable.with(&run));
    assert_ne!(fast, portable, "{what}: one form was compared with itself");
    for (i, (fast, portable)) in fast.iter().zip(&portable).enumerate() {
        assert_near(&format!("{what}, {i}"), fast, portable, 3e-5);
    }
}

#[test]
fn both_forms_of_lengths_and_divergences_agree() {
    for shape in [[2, 3, 3, 5], [1, 4, 4, 64], [3, 9, 8, 33]] {
        compare(&format!("lengths of {shape:?}"), || {
            let x = drawn("x", shape).require_grad();
            let norms = channel_norm(x.clone());
            let slopes = (norms.clone() * drawn("g", [shape[0], shape[1], shape[2], 1])).sum();
            let slopes = x.grad(&slopes.backward()).unwrap();
            vec![values(&norms), values(&slopes)]
        });
    }
    // The last has more rows than are held at once.
    for [rows, columns] in [[7, 3], [40, 100], [600, 4000]] {
        compare(&format!("{rows} x {columns}"), || {
            let scores = (drawn("scores", [rows, columns]) * 3.0).require_grad();
            let targets = drawn("targets", [rows, columns]).inner() * 40.0;
            let divergence = softmax_divergence(scores.clone(), &|range| {
                targets.clone().narrow(0, range.start, range.len())
            });
            let slopes = (divergence.clone() * 2.5).backward();
            vec![values(&divergence), values(&scores.grad(&slopes).unwrap())]
        });
    }
}

#[test]
fn both_forms_of_the_layer_agree_and_the_kept_rows_are_never_stale() {
    let scope = Scope::new(&Device::flex(), Seed::new(4), "layer");
    let layer = KdLayer::new(24, 70, 0.8, "kd", &scope);
    let x = drawn("map", [3, 5, 4, 24]);
    for mode in [Mode::Batch, Mode::RunningWithGradient] {
        compare(&format!("{mode:?}"), || {
            let x = x.clone().require_grad();
            let (scores, out) = run(&layer, x.clone(), mode, "kd.scores");
            let slopes = ((out.clone() * drawn("g", [3, 5, 4, 24])).sum() + (scores.clone() * scores).mean())
                .backward();
            let mut found = vec![values(&out), values(&x.grad(&slopes).unwrap())];
            found.extend(gradients(&layer, &slopes).into_values());
            found
        });
    }
    // Inference folds the batch norm and keeps the rows: again, and after a change.
    let mut frozen = Frozen::new(&layer).get().clone();
    let x = x.inner();
    for change in [1.0, -0.5] {
        frozen.rewrite(&mut |entry, value| entry.path.ends_with("weight").then(|| value * change));
        let (_, unfolded) = run(
            &frozen.clone().train(),
            x.clone(),
            Mode::RunningWithGradient,
            "kd",
        );
        for _ in 0..2 {
            let folded = frozen.forward(x.clone(), &mut Pass::new(Mode::Running));
            assert_near("folded", &values(&folded), &values(&unfolded), 2e-5);
            let (_, looked_at) = run(&frozen, x.clone(), Mode::Running, "kd.scores");
            assert_near("looked at", &values(&looked_at), &values(&unfolded), 2e-5);
        }
    }
}
