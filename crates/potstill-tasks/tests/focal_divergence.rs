//! Divergences of rows with a focal weight give the recorded numbers of an independent computation in PyTorch.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_tasks::{Probabilities, Rows};
use potstill_testing::numbers::{NINE_DIGITS, assert_near, number, numbers as all, recorded, tensor, values};

#[test]
fn focal_divergences_are_the_recorded_ones() {
    let record = recorded("potstill-tasks/tests/reference/focal.json");
    let cases = record["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let probabilities = match case["probabilities"].as_str().unwrap() {
            "sigmoid" => Probabilities::Sigmoid,
            _ => Probabilities::Softmax,
        };
        let leaf = tensor([4, 3], |i| 2.0 * (0.8 * i as f64).sin())
            .autodiff()
            .require_grad();
        let counts = all(&case["row_weights"]);
        let rows = Rows {
            weights: Some(tensor([4], |i| counts[i])),
            ..Rows::alike(leaf.clone(), probabilities)
        };
        let teacher = tensor([4, 3], |i| 2.0 * (0.5 * i as f64).cos());
        let [temperature, focal] = ["temperature", "focal"].map(|key| case[key].as_f64().unwrap());
        let loss = rows.focal_divergence(teacher, temperature, focal);
        assert_near("loss", &[number(&loss)], &all(&case["loss"]), NINE_DIGITS);
        let gradient = values(&leaf.grad(&loss.backward()).unwrap());
        assert_near("gradient", &gradient, &all(&case["gradient"]), NINE_DIGITS);
    }
}
