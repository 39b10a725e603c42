//! A run belongs to one process, and goes on with what it began with: recipe, images, teachers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use potstill_engine::{EngineError, NoObserver, Plan, Reproduction, Run, RunFolder};
use potstill_models::weights::TensorFile;
use potstill_testing::{
    recipe::tiny_recipe,
    runs::{bits, finish, go_on},
};

use crate::saving::{left_over, rewritten, state_of, three_epochs, whole};

#[test]
fn one_process_at_a_time_works_in_a_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let mut first = three_epochs().start(&[], &folder);
    go_on(&mut first, 1);
    let plan = || three_epochs().plan(&[]).unwrap();
    let said = |refused: Result<(), EngineError>| {
        let error = refused.unwrap_err();
        assert!(matches!(error, EngineError::InUse { .. }), "{error}");
        error.to_string()
    };
    let message = said(Run::resume(plan(), RunFolder::open(&folder).unwrap()).map(drop));
    let process = format!("process {} on ", std::process::id());
    assert!(message.contains(&process) && message.contains("UTC"), "{message}");
    said(RunFolder::create(&folder, true).map(drop));
    said(RunFolder::is_free(&folder, true));
    assert!(folder.join("last.safetensors").is_file());
    finish(&mut first);
    drop(first);
    assert_eq!(left_over(&folder), Vec::<String>::new());
    RunFolder::create(&folder, true).unwrap();
}

#[test]
fn recipe_images_and_teacher_are_compared_when_a_run_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go_on(&mut three_epochs().start(&[], &folder), 1);
    let resumed = |changes: &[&str]| {
        let plan = three_epochs().plan(changes).unwrap();
        Run::resume(plan, RunFolder::open(&folder).unwrap())
    };
    let error = resumed(&["train.batch=16", "seed=6"]).err().unwrap().to_string();
    assert!(
        error.contains("`seed` was 5 and is 6") && error.contains("`train.batch` was 32 and is 16"),
        "{error}"
    );
    // What changes no number may be another.
    drop(resumed(&["data.workers=2", "train.keep=5"]).unwrap());
    // As if the images and the teacher had been others when it began.
    let path = folder.join("last.safetensors");
    let file = TensorFile::read(&path).unwrap();
    for (key, named) in [
        ("images", "the training images are not those"),
        ("teachers", "the weights of `teacher`"),
    ] {
        let mut state: serde_json::Value = serde_json::from_str(&file.metadata["potstill"]).unwrap();
        let then = &mut state["origin"][key];
        match key {
            "images" => then["training"]["digest"] = "0".into(),
            _ => then["teacher"] = "0".into(),
        }
        let metadata = BTreeMap::from([("potstill".to_owned(), state.to_string())]);
        rewritten(&path, &metadata);
        let rows = fs::read(folder.join("metrics.jsonl")).ok();
        let error = resumed(&[]).err().unwrap().to_string();
        assert!(error.contains(named), "{error}");
        assert_eq!(fs::read(folder.join("metrics.jsonl")).ok(), rows);
    }
}

#[test]
fn an_extension_on_other_images_is_refused_and_the_run_stays_finished() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let constant = tiny_recipe()
        .set("train.schedule={ kind = \"constant\" }")
        .set("train.epochs=1");
    finish(&mut constant.start(&[], &folder));
    let path = folder.join("last.safetensors");
    let file = TensorFile::read(&path).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&file.metadata["potstill"]).unwrap();
    state["origin"]["images"]["training"]["digest"] = "0".into();
    rewritten(
        &path,
        &BTreeMap::from([("potstill".to_owned(), state.to_string())]),
    );
    let files = ["last.safetensors", "recipe.toml", "summary.json", "metrics.jsonl"];
    let before = files.map(|file| fs::read(folder.join(file)).unwrap());
    let run = RunFolder::open(&folder).unwrap();
    let longer = Run::longer_recipe(constant.recipe(&[]), &run, 1).unwrap();
    let error = Run::extend(Plan::new(longer).unwrap(), run).err().unwrap();
    assert!(matches!(error, EngineError::Changed { .. }), "{error}");
    assert_eq!(files.map(|file| fs::read(folder.join(file)).unwrap()), before);
}

#[test]
fn a_run_starts_where_none_is() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let before = bits(&folder.join("last.safetensors"));
    let run = RunFolder::open(&folder).unwrap();
    let error = Run::start(three_epochs().plan(&[]).unwrap(), run).err().unwrap();
    assert!(matches!(error, EngineError::Exists(_)), "{error}");
    assert!(bits(&folder.join("last.safetensors")) == before);
}

#[test]
fn what_explains_a_difference_is_told_of_epochs_without_a_checkpoint_too() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    // As if the first epoch had gone otherwise, on other images; none of its checkpoints is left.
    let metrics = folder.join("metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    let mut row: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    row["train"]["loss"] = 7.5.into();
    let others = text.split_once('\n').unwrap().1;
    fs::write(&metrics, format!("{row}\n{others}")).unwrap();
    let last = folder.join("last.safetensors");
    let mut state = state_of(&last);
    state["origin"]["images"]["training"]["digest"] = "0".into();
    rewritten(
        &last,
        &BTreeMap::from([("potstill".to_owned(), state.to_string())]),
    );
    fs::remove_file(folder.join("best.safetensors")).unwrap();
    let (first, again) = (RunFolder::open(&folder).unwrap(), place.path().join("again"));
    let (stop, mut quiet) = (Arc::new(AtomicBool::new(false)), NoObserver);
    let mut reproduction = Reproduction::new(&first, &again, &mut quiet, Arc::clone(&stop)).unwrap();
    three_epochs()
        .start(&[], &again)
        .go(&mut reproduction, &stop)
        .unwrap();
    let difference = reproduction.finish().unwrap().difference.unwrap();
    assert_eq!((difference.epoch, &difference.tensor), (1, &None));
    assert!(
        matches!(&difference.causes[..], [cause] if cause.contains("the training images are not those")),
        "{difference:?}"
    );
}
