//! Batch norm against numbers worked out by hand, as PyTorch would have them.

use burn::tensor::DType;
use potstill_ops::{BatchNorm, BatchStatistics, Mode, Parameters, Pass};
use potstill_testing::numbers::{assert_near, fill, gradients, map, nchw, number, scope, values};

const EXACT: f64 = 1e-13;

/// Three batches `[1, 2, 2, 2]`, channel by channel.
const BATCHES: [[f64; 8]; 3] = [
    [1.0, 2.0, 3.0, 4.0, 10.0, 10.0, 10.0, 10.0],
    [0.0, 0.0, 0.0, 8.0, -1.0, 0.0, 1.0, 4.0],
    [-1.0, 1.0, -1.0, 1.0, 6.0, 2.0, 6.0, 2.0],
];
/// Running mean and variance of both channels after each batch: `0.9 * before + 0.1 * batch`. The batches have the means
/// (5/2, 10), (2, 1), (0, 4) and the sums of squared deviations (5, 0), (48, 14), (4, 16), to be divided by 3.
const RUNNING: [[f64; 4]; 3] = [
    [0.25, 1.0, 0.9 + 0.5 / 3.0, 0.9],
    [0.425, 1.0, 0.81 + 0.45 / 3.0 + 1.6, 0.81 + 1.4 / 3.0],
    [
        0.3825,
        1.3,
        0.729 + 0.405 / 3.0 + 1.44 + 0.4 / 3.0,
        0.729 + 1.26 / 3.0 + 1.6 / 3.0,
    ],
];

fn norm() -> BatchNorm {
    let mut norm = BatchNorm::new(2, &scope());
    fill(&mut norm, |_, _| None);
    norm
}

fn batch(step: usize) -> burn::tensor::Tensor<4> {
    map([1, 2, 2, 2], |i| BATCHES[step][i])
}

fn running(norm: &BatchNorm) -> Vec<f64> {
    [values(&norm.running_mean.val()), values(&norm.running_var.val())].concat()
}

#[test]
fn running_statistics_take_the_unbiased_variance() {
    let mut norm = norm();
    for (step, expected) in RUNNING.iter().enumerate() {
        let mut pass = Pass::new(Mode::Batch);
        norm.forward(batch(step), &mut pass);
        BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut norm);
        assert_near(&format!("after step {step}"), &running(&norm), expected, EXACT);
    }
}

#[test]
fn moments_of_one_pass_are_absorbed_in_order() {
    let mut norm = norm();
    let mut pass = Pass::new(Mode::Batch);
    for step in 0..3 {
        norm.forward(batch(step), &mut pass);
    }
    assert_near("before", &running(&norm), &[0.0, 0.0, 1.0, 1.0], EXACT);
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut norm);
    assert_near("after", &running(&norm), &RUNNING[2], EXACT);
}

#[test]
fn moments_of_another_module_are_passed_over() {
    let (one, mut other) = (norm(), norm());
    let mut pass = Pass::new(Mode::Batch);
    one.forward(batch(0), &mut pass);
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut other);
    assert_eq!(running(&other), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_batch_is_normalised_by_its_biased_variance() {
    let mut norm = norm();
    fill(&mut norm, |entry, i| match entry.path.as_str() {
        "weight" => Some([2.0, 3.0][i]),
        "bias" => Some([0.5, -1.0][i]),
        _ => None,
    });
    let y = nchw(&norm.forward(batch(1), &mut Pass::new(Mode::Batch)));
    let deviations =
        [[12.0 + 1e-5, 2.0], [3.5 + 1e-5, 1.0]].map(|[variance, mean]| (f64::sqrt(variance), mean));
    let expected = BATCHES[1].iter().enumerate().map(|(i, x)| {
        let (deviation, mean) = deviations[i / 4];
        [2.0, 3.0][i / 4] * (x - mean) / deviation + [0.5, -1.0][i / 4]
    });
    assert_near("normalised", &y, &expected.collect::<Vec<_>>(), EXACT);
}

#[test]
fn running_modes_use_the_running_statistics_and_note_nothing() {
    for mode in [Mode::Running, Mode::RunningWithGradient] {
        let mut norm = norm();
        fill(&mut norm, |entry, i| match entry.path.as_str() {
            "weight" => Some(2.0),
            "running_mean" => Some([1.0, -1.0][i]),
            "running_var" => Some([4.0, 0.25][i] - 1e-5),
            _ => None,
        });
        let before = running(&norm);
        let mut pass = Pass::new(mode);
        let y = norm.forward(batch(2), &mut pass);
        assert_near(
            "normalised",
            &nchw(&y),
            &[-2.0, 0.0, -2.0, 0.0, 28.0, 12.0, 28.0, 12.0],
            EXACT,
        );
        let moments = pass.into_batch_statistics();
        assert!(moments.is_empty(), "{mode:?}");
        BatchStatistics::update_running_stats(&moments, &mut norm);
        assert_eq!(running(&norm), before, "{mode:?}");
    }
}

#[test]
fn running_statistics_pass_gradients_to_the_input() {
    let mut norm = norm();
    fill(&mut norm, |entry, i| {
        (entry.path == "running_var").then(|| [4.0, 0.25][i] - 1e-5)
    });
    let x = batch(0).autodiff().require_grad();
    let loss = norm
        .forward(x.clone(), &mut Pass::new(Mode::RunningWithGradient))
        .sum();
    let gradient = nchw(&x.grad(&loss.backward()).unwrap());
    assert_near(
        "1 / deviation",
        &gradient,
        &[0.5, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 2.0],
        EXACT,
    );
}

#[test]
fn gradients_through_the_batch_statistics_are_those_of_finite_differences() {
    let norm = norm();
    let weighted = |x, norm: &BatchNorm| {
        let y = norm.forward(x, &mut Pass::new(Mode::Batch));
        (y * map([1, 2, 2, 2], |i| (i as f64 + 1.0).sin())).sum()
    };
    let x = batch(1).autodiff().require_grad();
    let tape = weighted(x.clone(), &norm).backward();
    let by_difference: Vec<f64> = (0..8)
        .map(|i| {
            let moved = |by| {
                weighted(
                    map([1, 2, 2, 2], |j| BATCHES[1][j] + if i == j { by } else { 0.0 }),
                    &norm,
                )
            };
            (number(&moved(1e-5)) - number(&moved(-1e-5))) / 2e-5
        })
        .collect();
    assert_near("input", &nchw(&x.grad(&tape).unwrap()), &by_difference, 1e-8);
    let own = gradients(&norm, &tape);
    assert_eq!(
        own.keys().collect::<Vec<_>>(),
        ["bias", "weight"],
        "statistics are buffers, not parameters"
    );
    let bias: Vec<f64> = (0..2)
        .map(|c| (4 * c..4 * c + 4).map(|i| (i as f64 + 1.0).sin()).sum())
        .collect();
    assert_near("bias", &own["bias"], &bias, EXACT);
}

#[test]
fn the_type_of_the_numbers_stays() {
    let mut seen = Vec::new();
    norm().each(&mut |_, tensor| seen.push(tensor.dtype()));
    assert_eq!(seen, [DType::F64; 4]);
}
