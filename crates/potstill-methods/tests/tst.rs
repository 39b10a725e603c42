//! TST's gates, losses, rate and networks give the recorded numbers of an independent PyTorch computation.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_methods::tst::{
    AffineNetwork, ColourNetwork, Operation, SearchLoss, SearchRate, closed_form_map, relaxed_bernoulli,
    superimposed,
};
use potstill_ops::{Entry, affine_warp};
use potstill_tasks::{Probabilities, cross_entropy};
use potstill_testing::numbers::{
    NINE_DIGITS, assert_near, fill, map, nchw, number, numbers as all, recorded, scope, tensor, values,
};
use serde_json::Value;

/// For what goes through a sigmoid or a number divided by: Burn takes some of their slopes in single precision.
const SINGLE: f64 = 1e-6;

fn record() -> Value {
    recorded("potstill-methods/tests/reference/tst.json")
}

fn rows(value: &Value) -> Tensor<2> {
    let (count, values) = (value.as_array().unwrap().len(), all(value));
    tensor([count, values.len() / count], |i| values[i])
}

fn labels(value: &Value) -> Tensor<1, Int> {
    let labels: Vec<i32> = all(value).into_iter().map(|label| label as i32).collect();
    Tensor::from_data(labels.as_slice(), &Device::flex())
}

fn wave() -> Tensor<4> {
    map([2, 3, 4, 4], |i| (0.3 * i as f64).sin())
}

#[test]
fn gates_are_the_recorded_ones() {
    for case in record()["gates"].as_array().unwrap() {
        let logit = case["logit"].as_f64().unwrap();
        let leaf = tensor([1], |_| logit).autodiff().require_grad();
        let gate = relaxed_bernoulli(leaf.clone(), case["u"].as_f64().unwrap());
        assert_near("gate", &[number(&gate)], &all(&case["value"]), NINE_DIGITS);
        let slope = values(&leaf.grad(&gate.backward()).unwrap());
        assert_near("slope", &slope, &all(&case["slope"]), SINGLE);
    }
}

#[test]
fn the_search_loss_and_its_gradients_are_the_recorded_ones() {
    let record = &record()["search"];
    let [student, teacher] = ["student", "teacher"].map(|key| rows(&record[key]).autodiff().require_grad());
    let loss = SearchLoss::new(student.clone(), teacher.clone(), &labels(&record["labels"]));
    assert_near(
        "teacher",
        &[number(&loss.teacher)],
        &all(&record["teacher_term"]),
        NINE_DIGITS,
    );
    assert_near(
        "student",
        &[number(&loss.student)],
        &all(&record["student_term"]),
        NINE_DIGITS,
    );
    let tape = (loss.teacher + loss.student).backward();
    for (leaf, key) in [(student, "student_gradient"), (teacher, "teacher_gradient")] {
        assert_near(
            key,
            &values(&leaf.grad(&tape).unwrap()),
            &all(&record[key]),
            SINGLE,
        );
    }
}

#[test]
fn the_students_loss_is_the_recorded_one() {
    let record = &record()["student"];
    let [student, teacher] = ["student", "teacher"].map(|key| rows(&record[key]));
    for case in record["cases"].as_array().unwrap() {
        let (temperature, alpha) = (
            case["temperature"].as_f64().unwrap(),
            case["alpha"].as_f64().unwrap(),
        );
        // The batch is doubled, so that the means over it are the means over both halves.
        let task = cross_entropy(student.clone(), labels(&record["labels"]), 0.0);
        let distilled = Probabilities::Softmax.divergence(student.clone(), teacher.clone(), temperature);
        let loss = number(&task) + alpha * number(&distilled);
        assert_near("loss", &[loss], &all(&case["loss"]), NINE_DIGITS);
    }
}

#[test]
fn the_rate_is_the_recorded_one() {
    let record = &record()["rates"];
    let mut rate = SearchRate::new(0.01);
    let rates: Vec<f64> = all(&record["losses"])
        .into_iter()
        .map(|loss| {
            rate.end_epoch(loss);
            rate.rate()
        })
        .collect();
    assert_near("rates", &rates, &all(&record["rates"]), NINE_DIGITS);
}

fn of_colour(entry: &Entry, i: usize) -> Option<f64> {
    let n = i as f64;
    Some(match entry.path.as_str() {
        "feature" => 0.1 * (n + 1.0),
        "noise" => 0.05 * n.sin(),
        "condition" => 0.05 * n.cos(),
        "gain" => 1.5,
        "conv.weight" => {
            // [3, 3, 5, 5]: the middle of equal channels.
            let (channels, tap) = (i / 25, i % 25);
            let middle = channels % 4 == 0 && tap == 12;
            0.02 * (0.1 * n + 0.3).sin() + f64::from(u8::from(middle))
        }
        _ => return None,
    })
}

fn of_affine(entry: &Entry, i: usize) -> Option<f64> {
    let n = i as f64;
    Some(match entry.path.as_str() {
        "feature" => 0.1 * (n + 1.0),
        "linear.weight" => 0.02 * n.sin(),
        "linear.bias" => [1.0, 0.0, 0.0, 0.0, 1.0, 0.0][i],
        _ => return None,
    })
}

/// A network's output is the recorded one, and so is the slope of its mean square in the magnitude.
fn assert_measured(record: &Value, forward: impl Fn(Tensor<1>) -> Tensor<4>) {
    let magnitude = tensor([1], |_| 0.7).autodiff().require_grad();
    let out = forward(magnitude.clone());
    assert_near("out", &nchw(&out), &all(&record["out"]), NINE_DIGITS);
    let slope = magnitude.grad(&out.square().mean().backward()).unwrap();
    assert_near("slope", &values(&slope), &all(&record["magnitude_slope"]), SINGLE);
}

#[test]
fn a_colour_network_gives_the_recorded_images() {
    let record = &record()["networks"];
    let mut network = ColourNetwork::new(&scope());
    fill(&mut network, of_colour);
    assert_measured(&record["colour"], |magnitude| {
        network.forward(wave(), magnitude, &[], &[])
    });
    // Rows and columns without anything are padding and stay out of it; a single pixel does not.
    let padded = wave()
        * map([2, 1, 4, 4], |i| {
            let (image, row, column) = (i / 16, i / 4 % 4, i % 4);
            let is_empty = match image {
                0 => row == 0 || column == 3,
                _ => (row, column) == (2, 1),
            };
            f64::from(u8::from(!is_empty))
        });
    let out = network.forward(padded, tensor([1], |_| 0.7), &[], &[]);
    assert_near("padded", &nchw(&out), &all(&record["colour_padded"]), NINE_DIGITS);
}

#[test]
fn an_affine_network_gives_the_recorded_images() {
    let record = &record()["networks"];
    let mut network = AffineNetwork::new(&scope());
    fill(&mut network, of_affine);
    let maps = network.maps(&wave(), tensor([1], |_| 0.7), &[]);
    let expected = all(&record["affine"]["map"]);
    assert_near(
        "map",
        &values(&maps),
        &[expected.clone(), expected].concat(),
        NINE_DIGITS,
    );
    assert_measured(&record["affine"], |magnitude| {
        network.forward(wave(), magnitude, &[], &[])
    });
}

#[test]
fn closed_forms_are_the_recorded_ones() {
    let record = &record()["networks"];
    let half = closed_form_map(Operation::ShearX, tensor([1], |_| 0.5), &wave()).unwrap();
    let sheared = affine_warp(wave(), half.expand([2, 2, 3]));
    assert_near(
        "shear",
        &nchw(&sheared),
        &all(&record["shear_x_half"]),
        NINE_DIGITS,
    );
    let right = [1.0, 0.0, -0.5, 0.0, 1.0, 0.0];
    let moved = affine_warp(wave(), tensor([2, 2, 3], |i| right[i % 6]));
    assert_near(
        "moved",
        &nchw(&moved),
        &all(&record["one_pixel_right"]),
        NINE_DIGITS,
    );
    let at_one = |operation| {
        let map = closed_form_map(operation, tensor([1], |_| 1.0), &wave()).unwrap();
        values(&map)
    };
    let third = 30f64.to_radians();
    let (cos, sin, way) = (third.cos(), third.sin(), -300.0 / 331.0);
    for (operation, expected) in [
        (Operation::ShearX, [1.0, 0.3, 0.3, 0.0, 1.0, 0.0]),
        (Operation::ShearY, [1.0, 0.0, 0.0, 0.3, 1.0, 0.3]),
        (Operation::TranslateX, [1.0, 0.0, way, 0.0, 1.0, 0.0]),
        (Operation::TranslateY, [1.0, 0.0, 0.0, 0.0, 1.0, way]),
        (Operation::Rotate, [cos, -sin, 0.0, sin, cos, 0.0]),
    ] {
        assert_near(operation.name(), &at_one(operation), &expected, 1e-12);
    }
}

#[test]
fn changes_are_added_to_the_image() {
    let image = |value: f64| tensor([1, 1, 1, 1], |_| value);
    let change = |gate: f64, value: f64| (tensor([1], |_| gate), image(value));
    let changes = vec![change(0.9, 3.0), change(0.2, -1.0)];
    let turned: Vec<_> = changes.iter().rev().cloned().collect();
    assert_near("sum", &values(&superimposed(&image(1.0), changes)), &[2.4], 1e-12);
    assert_near(
        "in another order",
        &values(&superimposed(&image(1.0), turned)),
        &[2.4],
        1e-12,
    );
}
