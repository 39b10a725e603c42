//! Exports from the folder of a run alone: its data and its teacher are gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path};

use potstill_engine::{CheckpointChoice, EngineError, RunFolder, export};
use potstill_models::weights::TensorFile;
use potstill_report::read_summary;
use potstill_testing::{
    recipe::TestRecipe,
    runs::{bits, finish, go_on},
};

const RECIPE: &str = r#"
version = 1
name = "test"
seed = 5
[data]
train = "set by the test"
[student]
model = "cifar_resnet8"
shortcut = "b"
input = { low_resolution = { size = 6, enlarge = "bilinear" }, mean = [0.1], std = [0.3] }
[train]
epochs = 2
batch = 16
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
"#;

/// Grey images of 12x12 in two classes, in MNIST's format.
fn draw(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for (split, count) in [("train", 32u8), ("t10k", 16)] {
        let mut images = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 12, 0, 0, 0, 12];
        let mut labels = vec![0, 0, 8, 1, 0, 0, 0, count];
        for image in 0..count {
            labels.push(image % 2);
            images.extend((0..144u8).map(|pixel| pixel.wrapping_mul(1 + image % 2).wrapping_add(image)));
        }
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn a_student_is_exported_when_its_data_and_its_teacher_are_gone() {
    let place = tempfile::tempdir().unwrap();
    let [data, teacher, folder] = ["drawn", "teacher", "run"].map(|name| place.path().join(name));
    draw(&data);
    let recipe = TestRecipe::of(RECIPE).set(&format!("data.train={}", data.display()));
    finish(&mut recipe.start(&["train.epochs=1"], &teacher));
    let by_teacher = format!("teacher={{ run = \"{}\" }}", teacher.display());
    let overrides = [by_teacher.as_str(), "methods=[{ kind = \"kd\" }]"];
    finish(&mut recipe.start(&overrides, &folder));
    fs::remove_dir_all(&data).unwrap();
    fs::remove_dir_all(&teacher).unwrap();
    assert!(recipe.plan(&overrides).is_err(), "the run could be planned again");

    let out = place.path().join("exported");
    export(&RunFolder::open(&folder).unwrap(), CheckpointChoice::Last, &out).unwrap();
    for file in ["config.json", "README.md"] {
        let [exported, written] =
            [&out, &folder.join("student")].map(|of| fs::read_to_string(of.join(file)).unwrap());
        assert_eq!(exported, written);
    }
    let [exported, written] =
        [&out, &folder.join("student")].map(|of| TensorFile::read(&of.join("model.safetensors")).unwrap());
    assert_eq!(exported.metadata, written.metadata);
    assert!(bits(&out.join("model.safetensors")) == bits(&folder.join("student/model.safetensors")));
}

#[test]
fn the_best_student_and_the_last_can_be_exported() {
    let place = tempfile::tempdir().unwrap();
    let [data, folder] = ["drawn", "run"].map(|name| place.path().join(name));
    draw(&data);
    let recipe = TestRecipe::of(RECIPE).set(&format!("data.train={}", data.display()));
    finish(&mut recipe.start(&["student.shortcut=a"], &folder));
    let opened = RunFolder::open(&folder).unwrap();
    for (which, checkpoint) in [
        (CheckpointChoice::Last, "last.safetensors"),
        (CheckpointChoice::Best, "best.safetensors"),
    ] {
        let out = place.path().join(checkpoint);
        export(&opened, which, &out).unwrap();
        let kept = bits(&folder.join(checkpoint));
        for (name, values) in &bits(&out.join("model.safetensors")) {
            assert!(kept[&format!("student/{name}")] == *values, "{name}");
        }
        let summary = read_summary(opened.summary()).unwrap();
        let epoch = if which == CheckpointChoice::Best {
            &summary.best
        } else {
            &summary.last
        };
        let top1 = epoch.metrics["top1"];
        let written = TensorFile::read(&out.join("model.safetensors")).unwrap().metadata;
        assert_eq!(written["top1"], format!("{top1:.2}"));
    }
}

#[test]
fn an_unfinished_run_is_not_exported() {
    let place = tempfile::tempdir().unwrap();
    let [data, folder] = ["drawn", "run"].map(|name| place.path().join(name));
    draw(&data);
    let recipe = TestRecipe::of(RECIPE).set(&format!("data.train={}", data.display()));
    go_on(&mut recipe.start(&[], &folder), 1);
    let error = export(
        &RunFolder::open(&folder).unwrap(),
        CheckpointChoice::Last,
        &place.path().join("out"),
    )
    .unwrap_err();
    assert!(matches!(error, EngineError::Unfinished(_)), "{error}");
    assert!(error.to_string().contains("not finished"), "{error}");
}
