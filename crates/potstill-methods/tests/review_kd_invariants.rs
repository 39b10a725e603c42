//! What must hold for ReviewKD whatever the numbers: symmetries of the loss, gates, gradients by finite differences.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use potstill_methods::{Abf, ReviewChain, hierarchical_context_loss};
use potstill_ops::{Mode, Pass, Role};
use potstill_testing::numbers::{
    DIVIDED, assert_near, fill, gradients, map, nchw, number, scope, tensor, values,
};

const EXACT: f64 = 1e-12;

fn out(nchw: [usize; 4]) -> Tensor<4> {
    map(nchw, |i| (0.1 * i as f64).sin())
}

fn target(nchw: [usize; 4]) -> Tensor<4> {
    map(nchw, |i| (0.07 * i as f64).cos())
}

fn loss(out: &Tensor<4>, target: &Tensor<4>) -> f64 {
    number(&hierarchical_context_loss(out.clone(), target.clone()))
}

#[test]
fn the_loss_is_zero_at_equality_symmetric_and_quadratic() {
    for shape in [[2, 3, 8, 8], [1, 2, 5, 7], [2, 2, 4, 4], [2, 3, 1, 1]] {
        let (out, target) = (out(shape), target(shape));
        assert_eq!(loss(&target, &target), 0.0);
        let plain = loss(&out, &target);
        assert!(plain > 0.0);
        assert_near("the other way round", &[loss(&target, &out)], &[plain], EXACT);
        assert_near(
            "both times 3",
            &[loss(&(out * 3.0), &(target * 3.0))],
            &[9.0 * plain],
            EXACT,
        );
    }
}

#[test]
fn a_constant_adds_to_every_term_alike() {
    for shape in [[2, 2, 8, 8], [1, 3, 4, 4], [2, 2, 2, 2], [3, 2, 1, 1]] {
        let (out, target) = (out(shape), target(shape));
        let difference = values(&(out.clone() - target.clone()));
        let added = 0.7 * 0.7 + 2.0 * 0.7 * difference.iter().sum::<f64>() / difference.len() as f64;
        assert_near(
            "shifted",
            &[loss(&(out.clone() + 0.7), &target)],
            &[loss(&out, &target) + added],
            EXACT,
        );
    }
}

#[test]
fn a_difference_without_structure_counts_alike_at_every_size() {
    let by_channel = [0.3, -0.1, 0.5];
    for [height, width] in [[32, 32], [5, 7], [3, 8], [4, 4], [2, 2], [1, 1]] {
        let target = target([2, 3, height, width]);
        let out = target.clone() + map([1, 3, 1, 1], |c| by_channel[c]);
        assert_near("mean square", &[loss(&out, &target)], &[0.35 / 3.0], EXACT);
    }
}

/// A module with gates that do not look: attention weights 0.
fn blind(mode: Mode, biases: [f64; 2]) -> [Vec<f64>; 2] {
    let fused = |biases: [f64; 2], deeper: f64| {
        let mut module = Abf::new(3, 2, 4, true, &scope());
        fill(&mut module, |entry, i| match entry.path.as_str() {
            "att.weight" => Some(0.0),
            "att.bias" => Some(biases[i]),
            _ => None,
        });
        let deeper = target([2, 2, 4, 4]) * deeper;
        nchw(
            &module
                .forward(out([2, 3, 4, 4]), Some(deeper), [4, 4], &mut Pass::new(mode))
                .1,
        )
    };
    // Gates wide open to the feature and shut to the deeper residual give the feature itself.
    let feature = fused([100.0, -100.0], 0.0);
    let deeper = nchw(&target([2, 2, 4, 4]));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let expected = feature
        .iter()
        .zip(deeper)
        .map(|(x, y)| x * sigmoid(biases[0]) + y * sigmoid(biases[1]));
    [fused(biases, 1.0), expected.collect()]
}

#[test]
fn blind_gates_are_the_sigmoids_of_their_biases() {
    for mode in [Mode::Running, Mode::Batch] {
        let [ours, expected] = blind(mode, [0.4, -1.3]);
        assert_near("residual", &ours, &expected, EXACT);
    }
}

#[test]
fn every_channel_of_a_map_is_normalised_in_training() {
    let module = {
        let mut module = Abf::new(3, 2, 4, true, &scope());
        fill(&mut module, |_, _| None);
        module
    };
    let (maps, _) = module.forward(
        out([2, 3, 4, 4]),
        Some(target([2, 2, 2, 2])),
        [8, 8],
        &mut Pass::new(Mode::Batch),
    );
    let maps = nchw(&maps);
    for c in 0..4 {
        let own: Vec<f64> = (0..2)
            .flat_map(|n| maps[(n * 4 + c) * 64..][..64].to_vec())
            .collect();
        let mean = own.iter().sum::<f64>() / 128.0;
        let variance = own.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 128.0;
        assert!(
            mean.abs() < 1e-12 && (0.99..1.0).contains(&variance),
            "mean {mean}, variance {variance}"
        );
    }
}

#[test]
fn gradients_of_the_loss_are_those_of_finite_differences() {
    for shape in [[1, 2, 5, 7], [2, 2, 4, 3], [1, 2, 2, 2]] {
        let leaf = tensor(shape, |i| (0.1 * i as f64).sin())
            .autodiff()
            .require_grad();
        let tape = hierarchical_context_loss(leaf.clone().permute([0, 2, 3, 1]), target(shape)).backward();
        let moved =
            |k: usize, by: f64| map(shape, |i| (0.1 * i as f64).sin() + if i == k { by } else { 0.0 });
        let count = shape.iter().product();
        let by_difference: Vec<f64> = (0..count)
            .map(|k| (loss(&moved(k, 1e-4), &target(shape)) - loss(&moved(k, -1e-4), &target(shape))) / 2e-4)
            .collect();
        assert_near(
            "gradient",
            &values(&leaf.grad(&tape).unwrap()),
            &by_difference,
            DIVIDED,
        );
    }
}

/// Student channels and sizes, and the teacher's: every resize of the chain happens, up and down, and not square.
const LEVELS: [([usize; 4], [usize; 4]); 3] = [
    ([3, 2, 4, 6], [3, 2, 8, 5]),
    ([3, 3, 4, 3], [3, 4, 2, 3]),
    ([3, 3, 1, 1], [3, 2, 1, 1]),
];

fn chain() -> ReviewChain {
    let channels = LEVELS.map(|(student, teacher)| (student[1], teacher[1]));
    let mut chain = ReviewChain::new(&channels, 2, &scope());
    fill(&mut chain, |_, _| None);
    chain
}

/// The summed loss for features with one value moved.
fn reviewed(chain: &ReviewChain, features: Vec<Tensor<4>>) -> Tensor<1> {
    let sizes = LEVELS.map(|(_, teacher)| [teacher[2], teacher[3]]);
    let outs = chain.forward(features, &sizes, &mut Pass::new(Mode::Batch));
    let losses = outs
        .into_iter()
        .zip(LEVELS)
        .map(|(out, (_, teacher))| hierarchical_context_loss(out, target(teacher)));
    losses.reduce(|sum, loss| sum + loss).unwrap()
}

fn features(moved: Option<(usize, usize, f64)>) -> Vec<Tensor<4>> {
    let level = |(l, (student, _)): (usize, ([usize; 4], _))| {
        map(student, |i| {
            let by = moved
                .filter(|&(level, k, _)| (level, k) == (l, i))
                .map_or(0.0, |(_, _, by)| by);
            (0.9 * i as f64 + l as f64).sin() + by
        })
    };
    LEVELS.into_iter().enumerate().map(level).collect()
}

#[test]
fn gradients_of_a_chain_are_those_of_finite_differences() {
    let chain = chain();
    let leaves: Vec<_> = features(None)
        .into_iter()
        .map(|map| map.autodiff().require_grad())
        .collect();
    let tape = reviewed(&chain, leaves.clone()).backward();
    let weights = gradients(&chain, &tape);
    let step = 1e-5;
    for (path, gradient) in &weights {
        for k in [0, gradient.len() - 1] {
            let at = |by: f64| {
                let mut moved = chain.clone();
                let original = parameter(&chain, path);
                fill(&mut moved, |entry, i| {
                    (entry.path == *path).then(|| original[i] + if i == k { by } else { 0.0 })
                });
                number(&reviewed(&moved, features(None)))
            };
            let by_difference = (at(step) - at(-step)) / (2.0 * step);
            assert!(
                (gradient[k] - by_difference).abs() < DIVIDED,
                "{path} {k}: {} is not {by_difference}",
                gradient[k]
            );
        }
    }
    for (l, leaf) in leaves.iter().enumerate() {
        let gradient = nchw(&leaf.grad(&tape).unwrap());
        for k in [0, gradient.len() / 2, gradient.len() - 1] {
            let at = |by| number(&reviewed(&chain, features(Some((l, k, by)))));
            let by_difference = (at(step) - at(-step)) / (2.0 * step);
            let near = (gradient[k] - by_difference).abs() < DIVIDED;
            assert!(near, "feature {l} {k}: {} is not {by_difference}", gradient[k]);
        }
    }
}

fn parameter(chain: &ReviewChain, path: &str) -> Vec<f64> {
    let mut found = Vec::new();
    potstill_ops::Parameters::each(chain, &mut |entry, tensor| {
        if entry.path == path {
            found = values(&tensor);
        }
    });
    found
}

#[test]
fn every_parameter_of_a_chain_gets_a_gradient() {
    let chain = chain();
    let own: BTreeMap<String, Vec<f64>> = gradients(&chain, &reviewed(&chain, features(None)).backward());
    let entries = potstill_ops::Parameters::entries(&chain)
        .into_iter()
        .filter(|entry| entry.role == Role::Weight);
    for entry in entries {
        let gradient = own
            .get(&entry.path)
            .unwrap_or_else(|| panic!("{} gets none", entry.path));
        assert!(
            gradient.iter().any(|&value| value != 0.0),
            "{} gets zeros",
            entry.path
        );
    }
}
