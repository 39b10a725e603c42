//! Whole runs on drawn images: interrupted and resumed, refused, stopped by a bad loss, in phases.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_engine::{EngineError, NoObserver, Plan, Run, RunFolder};
use potstill_models::weights::{TensorFile, write_tensors};
use potstill_recipe::Recipe;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{StopAfter, bits, finish, go_on},
};

fn tiny() -> TestRecipe {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=96,test=40,classes=10")
        .set("train.epochs=3")
        .set("train.clip_norm=5.0")
        .set("train.optimizer.nesterov=true")
        .method("kd", "")
        .method("review-kd", "ramp_epochs = 2")
}

fn recipe(overrides: &[&str]) -> Recipe {
    tiny().recipe(overrides)
}

fn start(overrides: &[&str], folder: &Path) -> Result<Run, EngineError> {
    Run::start(Plan::new(recipe(overrides))?, RunFolder::create(folder, false)?)
}

/// The metrics without the times.
fn metrics(folder: &Path) -> Vec<String> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows.into_iter()
        .map(|row| format!("{} {} {:?} {:?}", row.epoch, row.lr, row.train, row.test))
        .collect()
}

#[test]
fn an_interrupted_and_resumed_run_equals_an_uninterrupted_one_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let optimizers = [
        "train.epochs=3",
        r#"train.optimizer={ kind = "adamw", lr = 0.01 }"#,
    ];
    for overrides in optimizers.map(|change| vec![change]) {
        for folder in [&whole, &broken] {
            let _ = std::fs::remove_dir_all(folder);
        }
        finish(&mut start(&overrides, &whole).unwrap());
        // In the middle of the first epoch, at the end of one, and in the middle of the last.
        go_on(&mut start(&overrides, &broken).unwrap(), 2);
        for steps in [4, 2] {
            go_on(&mut tiny().resume(&overrides, &broken), steps);
        }
        finish(&mut tiny().resume(&overrides, &broken));
        for file in [
            "last.safetensors",
            "best.safetensors",
            "student/model.safetensors",
        ] {
            let (a, b) = (bits(&whole.join(file)), bits(&broken.join(file)));
            assert!(a == b, "{file} differs");
        }
        assert_eq!(metrics(&whole), metrics(&broken));
        assert_eq!(metrics(&whole).len(), 3);
    }
}

#[test]
fn the_same_recipe_gives_the_same_bits_and_another_seed_others() {
    let place = tempfile::tempdir().unwrap();
    let never = AtomicBool::new(false);
    let student = |name: &str, overrides: &[&str]| {
        let folder = place.path().join(name);
        start(overrides, &folder)
            .unwrap()
            .go(&mut NoObserver, &never)
            .unwrap();
        bits(&folder.join("student/model.safetensors"))
    };
    let first = student("first", &["train.epochs=1"]);
    assert!(
        first == student("again", &["train.epochs=1", "data.workers=3"]),
        "workers changed the bits"
    );
    assert!(
        first != student("other", &["train.epochs=1", "seed=6"]),
        "the seed changed nothing"
    );
    let alone = student("alone", &["train.epochs=1", "methods=[]"]);
    assert!(first != alone, "the methods changed nothing");
    assert!(
        !alone.keys().any(|name| name.contains("levels")),
        "a training-only module reached the student"
    );
}

#[test]
fn a_phase_trains_its_parts_only() {
    let place = tempfile::tempdir().unwrap();
    let phases = "train.phases=[{ name = \"review only\", epochs = 1, trains = [\"review-kd\"] }, { name = \"all\", epochs = 1 }]";
    let folder = place.path().join("phases");
    let mut run = tiny().without("train.epochs").start(&[phases], &folder);
    let stop = AtomicBool::new(false);
    // In the first phase: only the fusion modules have moved.
    run.go(&mut StopAfter(2, &stop), &stop).unwrap();
    let first = bits(&folder.join("last.safetensors"));
    assert!(first.keys().any(|name| name.starts_with("optimizer/review-kd/")));
    assert!(!first.keys().any(|name| name.starts_with("optimizer/student/")));
    run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap();
    let second = bits(&folder.join("last.safetensors"));
    let student = "student/conv1.weight";
    assert_ne!(first[student], second[student]);
    assert!(second.keys().any(|name| name.starts_with("optimizer/student/")));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.phase.as_str()).collect::<Vec<_>>(),
        ["review only", "all"]
    );
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_the_term() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("wild");
    let overrides = ["train.optimizer.lr=1e30", "methods.1.weight=0"];
    let error = start(&overrides, &folder)
        .unwrap()
        .go(&mut NoObserver, &AtomicBool::new(false))
        .unwrap_err();
    let EngineError::NonFinite {
        term, epoch: 1, step, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(
        ["cross_entropy", "kd", "review-kd"].contains(&term.as_str()),
        "{error}"
    );
    assert!(*step > 1, "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

#[test]
fn a_run_that_is_there_is_not_overwritten_unasked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let never = AtomicBool::new(false);
    start(&["train.epochs=1", "methods=[]"], &folder)
        .unwrap()
        .go(&mut NoObserver, &never)
        .unwrap();
    let before = bits(&folder.join("last.safetensors"));
    assert!(matches!(
        start(&["train.epochs=1"], &folder),
        Err(EngineError::Exists(_))
    ));
    assert_eq!(bits(&folder.join("last.safetensors")), before);
    assert!(RunFolder::create(&folder, true).is_ok());
    assert!(!folder.join("last.safetensors").exists());

    let foreign = place.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "years of work").unwrap();
    assert!(RunFolder::create(&foreign, true).is_err());
    assert!(foreign.join("thesis.txt").exists());
}

#[test]
fn a_checkpoint_of_another_recipe_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let never = AtomicBool::new(false);
    start(&["train.epochs=1", "methods=[]"], &folder)
        .unwrap()
        .go(&mut NoObserver, &never)
        .unwrap();
    let plan = Plan::new(recipe(&["train.epochs=2", "methods=[]"])).unwrap();
    let error = Run::resume(plan, RunFolder::open(&folder).unwrap())
        .err()
        .unwrap();
    assert!(error.to_string().contains("another recipe"), "{error}");
}

#[test]
fn a_state_of_another_length_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go_on(&mut start(&[], &folder).unwrap(), 1);
    let path = folder.join("last.safetensors");
    let file = TensorFile::read(&path).unwrap();
    let state = file
        .tensors
        .keys()
        .find(|name| name.starts_with("optimizer/student/"));
    let state = state.unwrap().clone();
    let tensors = file.tensors.into_iter().map(|(name, tensor)| {
        let mut values = tensor.values;
        let mut shape = tensor.shape;
        if name == state {
            values.push(0.0);
            shape = vec![values.len()];
        }
        let length = values.len();
        let data = TensorData::new(values, [length]);
        (name, shape, Tensor::<1>::from_data(data, &Device::flex()))
    });
    write_tensors(tensors.collect(), &file.metadata, &path).unwrap();
    let folder = RunFolder::open(&folder).unwrap();
    let refused = Run::resume(Plan::new(recipe(&[])).unwrap(), folder);
    let message = refused.err().unwrap().to_string();
    assert!(message.contains(&state), "{message}");
}
