//! SimKD's projector gives the recorded numbers of PyTorch's modules.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Tensor;
use potstill_ops::{BatchStatistics, Mode, Parameters, Pass, Point, Projector, Taps, count_trainable};
use potstill_testing::numbers::{
    DIVIDED, NINE_DIGITS, assert_near, fill, gradients, map, nchw, number, numbers as all, recorded, scope,
};
use serde_json::Value;

fn record() -> Value {
    recorded("potstill-ops/tests/reference/projector.json")
}

/// The projector of the record: tensor k has the values of a sine that starts at k.
fn projector() -> Projector {
    let mut projector = Projector::new(3, 4, 2, "simkd", &scope());
    let trained: Vec<String> = projector
        .entries()
        .into_iter()
        .map(|entry| entry.path)
        .filter(|path| !path.contains("running"))
        .collect();
    fill(&mut projector, |entry, i| {
        let k = trained.iter().position(|path| *path == entry.path)?;
        let wave = (0.7 * i as f64 + k as f64).sin();
        let scales = entry.shape.len() == 1 && entry.path.ends_with("weight");
        Some(if scales { 1.0 + 0.2 * wave } else { 0.6 * wave })
    });
    projector
}

fn x() -> Tensor<4> {
    map([2, 3, 4, 4], |i| (0.37 * i as f64).sin())
}

#[test]
fn maps_and_gradients_are_the_recorded_ones() {
    let (projector, record) = (projector(), record());
    let x = x().autodiff().require_grad();
    let out = projector.forward(x.clone(), &mut Pass::new(Mode::Batch));
    assert_near("out", &nchw(&out), &all(&record["out"]), NINE_DIGITS);

    let gap = out - map([2, 4, 4, 4], |i| (0.29 * i as f64).cos());
    let loss = (gap.clone() * gap).mean();
    assert_near("loss", &[number(&loss)], &all(&record["loss"]), NINE_DIGITS);
    let slopes = loss.backward();
    let slope_of_x = nchw(&x.grad(&slopes).unwrap());
    assert_near("x", &slope_of_x, &all(&record["gradient_of_x"]), DIVIDED);
    let found = gradients(&projector, &slopes);
    let expected = record["gradients"].as_object().unwrap();
    assert_eq!(found.len(), expected.len());
    for (path, slopes) in expected {
        assert_near(path, &found[&format!("transfer.{path}")], &all(slopes), DIVIDED);
    }
}

#[test]
fn an_evaluated_map_is_the_recorded_one_and_stands_at_the_path() {
    let mut projector = projector();
    let mut pass = Pass::new(Mode::Batch);
    projector.forward(x(), &mut pass);
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut projector);
    let mut taps = Taps::at(&[Point::post("simkd")]);
    let out = projector.forward(x(), &mut Pass::visited(Mode::Running, &mut taps));
    assert_near("out", &nchw(&out), &all(&record()["evaluated"]), NINE_DIGITS);
    assert_eq!(nchw(&taps.map(&Point::post("simkd")).unwrap()), nchw(&out));
}

#[test]
fn it_has_as_many_parameters_as_the_authors_count() {
    // ResNet-32x4 to ResNet-8x4.
    let expected = record()["parameters_256_to_256_by_2"].as_u64().unwrap();
    assert_eq!(expected, 214_016);
    assert_eq!(
        count_trainable(&Projector::new(256, 256, 2, "simkd", &scope())) as u64,
        expected
    );
}
