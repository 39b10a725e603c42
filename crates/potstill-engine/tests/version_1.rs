//! A run that was stopped before metrics had names goes on to the same bits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::weights::{TensorFile, write_tensors};
use potstill_report::{EpochRow, read_metrics, read_summary};
use potstill_testing::{
    recipe::TestRecipe,
    runs::{bits, finish, go_on},
};
use serde_json::{Value, json};

const RECIPE: &str = r#"
version = 1
name = "test"
seed = 5
[data]
train = "shapes:size=16,train=96,test=40,classes=10"
[student]
model = "cifar_resnet8"
[train]
epochs = 3
batch = 32
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
"#;

fn recipe() -> TestRecipe {
    TestRecipe::of(RECIPE)
}

/// Gives a checkpoint the form of the first version.
fn downgrade_checkpoint(path: &Path) {
    let mut file = TensorFile::read(path).unwrap();
    let state = file.metadata.get_mut("potstill").unwrap();
    let mut json: Value = serde_json::from_str(state).unwrap();
    json.as_object_mut().unwrap().remove("version");
    let best = json["best"].as_object_mut().unwrap();
    let metrics = best.remove("metrics").unwrap();
    best.insert("top1".into(), metrics["top1"].clone());
    let totals = json["totals"].as_object_mut().unwrap();
    let counts = totals.remove("counts").unwrap();
    totals.insert("hits".into(), json!(counts["top1"].as_f64().unwrap() as u64));
    *state = json.to_string();
    let tensors = file.tensors.into_iter().map(|(name, tensor)| {
        let length = tensor.values.len();
        let values = TensorData::new(tensor.values, [length]);
        (
            name,
            tensor.shape,
            Tensor::<1>::from_data(values, &Device::flex()),
        )
    });
    write_tensors(tensors.collect(), &file.metadata, path).unwrap();
}

/// Gives the rows of a run the form of the first version.
fn downgrade_rows(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["schema_version"] = json!(1);
        let train = row["train"].as_object_mut().unwrap();
        let metrics = train.remove("metrics").unwrap();
        train.insert("top1".into(), metrics["top1"].clone());
        row.to_string() + "\n"
    });
    fs::write(path, lines.collect::<String>()).unwrap();
}

/// The rows without their times.
fn rows(folder: &Path) -> Vec<EpochRow> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap().into_iter();
    let timeless = rows.map(|row| EpochRow {
        seconds: 0.0,
        images_per_second: 0.0,
        ..row
    });
    timeless.collect()
}

#[test]
fn an_old_run_is_resumed_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, old] = ["whole", "old"].map(|name| place.path().join(name));
    finish(&mut recipe().start(&[], &whole));
    // Stopped in the middle of the second epoch.
    go_on(&mut recipe().start(&[], &old), 4);
    downgrade_checkpoint(&old.join("last.safetensors"));
    downgrade_rows(&old.join("metrics.jsonl"));
    finish(&mut recipe().resume(&[], &old));
    assert!(bits(&whole.join("last.safetensors")) == bits(&old.join("last.safetensors")));
    assert_eq!(rows(&old), rows(&whole));
    let [whole, old] = [whole, old].map(|folder| read_summary(folder.join("summary.json")).unwrap());
    assert_eq!((old.metrics, old.last), (whole.metrics, whole.last));
    assert_eq!(old.best.epoch, whole.best.epoch);
    assert_eq!(old.best.metrics["top1"], whole.best.metrics["top1"]);
}
