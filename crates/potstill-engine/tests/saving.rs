//! A save is one act: whatever a killed process or a full disk leaves behind, a run goes on from it to the bits of a whole one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use potstill_engine::{
    CheckpointChoice, EngineError, EpochProgress, NoObserver, Observer, Outcome, Run, RunFolder, export,
};
use potstill_models::weights::TensorFile;
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, finish, go_on},
};

pub(crate) fn three_epochs() -> TestRecipe {
    tiny_recipe().set("train.epochs=3").method("kd", "")
}

/// Every file of a folder after each epoch, as a copy.
struct Copies<'a> {
    folder: &'a Path,
    to: &'a Path,
}

impl Observer for Copies<'_> {
    fn epoch(&mut self, epoch: &EpochProgress<'_>) {
        copy_folder(self.folder, &self.to.join(epoch.row.epoch.to_string()));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// A whole run in a folder, and its folder after each epoch in `PLACE/NUMBER`.
pub(crate) fn whole(place: &Path) -> PathBuf {
    let folder = place.join("whole");
    let mut observer = Copies {
        folder: &folder,
        to: place,
    };
    let mut run = three_epochs().start(&[], &folder);
    run.go(&mut observer, &AtomicBool::new(false)).unwrap();
    folder
}

/// What says the same in two runs that are one, whenever they were stopped.
fn assert_same(what: &str, one: &Path, other: &Path) {
    for file in ["last.safetensors", "best.safetensors"] {
        assert!(bits(&one.join(file)) == bits(&other.join(file)), "{what}: {file}");
    }
    let student = |folder: &Path| fs::read(folder.join("student/model.safetensors")).unwrap();
    assert!(student(one) == student(other), "{what}: the bytes of the student");
    let rows = |folder: &Path| -> Vec<_> {
        let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
        rows.iter()
            .map(|row| (row.epoch, row.train.clone(), row.test.clone()))
            .collect()
    };
    assert_eq!(rows(one), rows(other), "{what}");
    assert_eq!(left_over(other), Vec::<String>::new(), "{what}");
    let epochs = |folder: &Path| read_summary(folder.join("summary.json")).unwrap().best.epoch;
    assert_eq!(epochs(one), epochs(other), "{what}");
}

/// What a run should not leave behind.
pub(crate) fn left_over(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with(".tmp") || name == "run.lock")
        .collect()
}

pub(crate) fn resume(folder: &Path) -> Run {
    three_epochs().resume(&[], folder)
}

/// What a run says when it goes on to its end.
fn finish_aloud(mut run: Run) -> Vec<String> {
    struct Said(Vec<String>);
    impl Observer for Said {
        fn says(&mut self, line: &str) {
            self.0.push(line.into());
        }
    }
    let mut said = Said(Vec::new());
    run.go(&mut said, &AtomicBool::new(false)).unwrap();
    said.0
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_clean() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let left = place.path().join("1");
    for file in ["last.safetensors", "best.safetensors"] {
        fs::remove_file(left.join(file)).unwrap();
    }
    // A write that was killed half way.
    fs::write(left.join(".tmpAbc123"), "half").unwrap();
    finish(&mut resume(&left));
    assert_same("the first", &folder, &left);
    let events = fs::read_dir(&left).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("events.out")
    });
    assert_eq!(events.count(), 1);
}

#[test]
fn the_best_checkpoint_is_made_up_for_from_the_last() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let best = read_summary(folder.join("summary.json")).unwrap().best.epoch;
    let left = place.path().join(best.to_string());
    // Killed between the two names: the older one is there still, or none.
    let older = three_epochs();
    let other = place.path().join("other");
    go_on(&mut older.start(&[], &other), 1);
    fs::copy(other.join("last.safetensors"), left.join("best.safetensors")).unwrap();
    let said = finish_aloud(resume(&left));
    assert!(said.iter().any(|line| line.contains("is made anew")), "{said:?}");
    assert_same("an older best", &folder, &left);
}

#[test]
fn a_best_that_is_not_the_best_is_not_exported() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let best = read_summary(folder.join("summary.json")).unwrap().best.epoch;
    let out = place.path().join("out");
    let run = RunFolder::open(&folder).unwrap();
    export(&run, CheckpointChoice::Best, &out).unwrap();
    let other = (1..=3).find(|epoch| *epoch != best).unwrap();
    let wrong = place.path().join(other.to_string()).join("last.safetensors");
    fs::copy(wrong, folder.join("best.safetensors")).unwrap();
    let error = export(&run, CheckpointChoice::Best, &out).unwrap_err();
    let EngineError::OtherEpoch { epoch, found, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((epoch, found), (best, other));
}

#[test]
fn a_flipped_bit_is_found_and_the_state_before_it_serves() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let left = place.path().join("2");
    let last = left.join("last.safetensors");
    let sound = fs::read(&last).unwrap();
    // In the numbers, in the state, in the digest itself.
    let digest = sound.windows(15).position(|bytes| bytes == b"potstill_sha256");
    for at in [sound.len() - 9, 40, digest.unwrap() + 20, digest.unwrap() + 2] {
        let copy = place.path().join("copy");
        copy_folder(&left, &copy);
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(copy.join("last.safetensors"), &bytes).unwrap();
        let said = finish_aloud(resume(&copy));
        let named = said.iter().any(|line| line.contains("last.safetensors"));
        let instead = said.iter().any(|line| line.contains("epoch-1.safetensors"));
        assert!(named && instead, "{said:?}");
        assert_same(&format!("byte {at}"), &folder, &copy);
        fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn a_run_without_one_sound_checkpoint_is_told_so() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go_on(&mut three_epochs().start(&[], &folder), 1);
    let last = folder.join("last.safetensors");
    let mut bytes = fs::read(&last).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 0x40;
    fs::write(&last, bytes).unwrap();
    let plan = three_epochs().plan(&[]).unwrap();
    let error = Run::resume(plan, RunFolder::open(&folder).unwrap())
        .err()
        .unwrap();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn so_many_checkpoints_are_kept_and_they_come_between_the_epochs_too() {
    let place = tempfile::tempdir().unwrap();
    let names = |folder: &Path| -> Vec<String> {
        let Ok(all) = fs::read_dir(folder.join("checkpoints")) else {
            return Vec::new();
        };
        let names = all.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let run = |name: &str, changes: &[&str]| {
        let folder = place.path().join(name);
        finish(&mut three_epochs().start(changes, &folder));
        folder
    };
    let plain = run("plain", &[]);
    assert_eq!(names(&plain), ["epoch-2.safetensors"]);
    assert_eq!(names(&run("one", &["train.keep=1"])), Vec::<String>::new());
    let many = run("many", &["train.keep=4", "train.save_every=2"]);
    assert_eq!(
        names(&many),
        [
            "epoch-1-step-2.safetensors",
            "epoch-2-step-2.safetensors",
            "epoch-2.safetensors"
        ]
    );
    assert!(bits(&plain.join("last.safetensors")) == bits(&many.join("last.safetensors")));
    // From the middle of an epoch to the same bits.
    let left = place.path().join("left");
    copy_folder(&many, &left);
    fs::rename(
        many.join("checkpoints/epoch-1-step-2.safetensors"),
        left.join("last.safetensors"),
    )
    .unwrap();
    fs::remove_dir_all(left.join("checkpoints")).unwrap();
    let changes = ["train.keep=4", "train.save_every=2"];
    finish(&mut three_epochs().resume(&changes, &left));
    assert_same("the middle", &many, &left);
}

#[test]
fn a_finished_run_without_its_checkpoints_is_not_begun_again_unasked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut three_epochs().start(&["train.epochs=1"], &folder));
    for file in ["last.safetensors", "best.safetensors"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    let plan = three_epochs().plan(&["train.epochs=1"]).unwrap();
    let error = Run::resume(plan, RunFolder::open(&folder).unwrap())
        .err()
        .unwrap();
    assert!(matches!(error, EngineError::LostCheckpoint(_)), "{error}");
    assert!(folder.join("student/model.safetensors").is_file());
}

#[test]
fn a_lost_best_of_a_run_at_its_end_keeps_its_epoch() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let best = |folder: &Path| read_summary(folder.join("summary.json")).unwrap().best;
    let before = best(&folder);
    // As if the best had been the first epoch, whose checkpoint is not kept.
    let path = folder.join("last.safetensors");
    let file = TensorFile::read(&path).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&file.metadata["potstill"]).unwrap();
    state["best"]["epoch"] = 1.into();
    rewritten(
        &path,
        &BTreeMap::from([("potstill".to_owned(), state.to_string())]),
    );
    fs::remove_file(folder.join("best.safetensors")).unwrap();
    let said = finish_aloud(resume(&folder));
    assert!(
        said.iter().any(|line| line.contains("which is 1, are lost")),
        "{said:?}"
    );
    assert_eq!(best(&folder).epoch, 1);
    assert_eq!(best(&folder).metrics, before.metrics);
}

#[test]
fn the_digest_of_the_best_outlives_a_resume_from_the_best_itself() {
    let place = tempfile::tempdir().unwrap();
    whole(place.path());
    let left = place.path().join("1");
    let noted = |folder: &Path| {
        let file = TensorFile::read(&folder.join("last.safetensors")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&file.metadata["potstill"]).unwrap();
        state["best_digest"].clone()
    };
    assert_eq!(noted(&left), serde_json::Value::Null);
    // A step more, so that the last checkpoint is no longer the best one.
    go_on(&mut resume(&left), 1);
    let best = TensorFile::read(&left.join("best.safetensors")).unwrap();
    assert_eq!(noted(&left), best.metadata["potstill_sha256"]);
}

#[test]
fn a_refused_step_is_told_where_it_cannot_be_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let mut run = tiny_recipe()
        .without_table("teacher")
        .start(&["train.optimizer.lr=1e30"], &folder);
    // As a disk that takes no more.
    fs::create_dir(folder.join("refused.safetensors")).unwrap();
    let error = run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, EngineError::NonFinite { .. }), "{error}");
}

/// What a checkpoint says besides its tensors.
pub(crate) fn state_of(path: &Path) -> serde_json::Value {
    let file = TensorFile::read(path).unwrap();
    serde_json::from_str(&file.metadata["potstill"]).unwrap()
}

#[test]
fn a_best_of_a_time_that_comes_again_is_mended_where_the_right_one_is_left() {
    let place = tempfile::tempdir().unwrap();
    let folder = whole(place.path());
    let (last, best) = (folder.join("last.safetensors"), folder.join("best.safetensors"));
    let second = folder.join("checkpoints/epoch-2.safetensors");
    let mut state = state_of(&second);
    state["best"]["epoch"] = 2.into();
    rewritten(
        &second,
        &BTreeMap::from([("potstill".to_owned(), state.to_string())]),
    );
    // The best is of the third epoch, and the run goes back to the second.
    fs::copy(&last, &best).unwrap();
    fs::write(&last, "broken").unwrap();
    drop(resume(&folder));
    assert_eq!(state_of(&best)["position"]["epoch"], 2);
    assert!(bits(&best) == bits(&second));
}

/// Stops the run after its first epoch, and notes when the last checkpoint was written.
struct StopAfterEpoch<'a> {
    last: &'a Path,
    written: Option<SystemTime>,
    stop: &'a AtomicBool,
}

impl Observer for StopAfterEpoch<'_> {
    fn epoch(&mut self, _: &EpochProgress<'_>) {
        self.written = Some(fs::metadata(self.last).unwrap().modified().unwrap());
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_run_that_stops_right_after_an_epoch_writes_its_checkpoint_once() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let (last, stop) = (folder.join("last.safetensors"), AtomicBool::new(false));
    let mut observer = StopAfterEpoch {
        last: &last,
        written: None,
        stop: &stop,
    };
    let outcome = three_epochs()
        .start(&[], &folder)
        .go(&mut observer, &stop)
        .unwrap();
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(
        observer.written,
        Some(fs::metadata(&last).unwrap().modified().unwrap())
    );
    finish(&mut resume(&folder));
    assert_same("stopped after an epoch", &whole(place.path()), &folder);
}

/// Gives a checkpoint other texts.
pub(crate) fn rewritten(path: &Path, metadata: &BTreeMap<String, String>) {
    use burn::tensor::{Device, Tensor, TensorData};
    let tensors = TensorFile::read(path).unwrap().tensors.into_iter();
    let tensors = tensors.map(|(name, stored)| {
        let data = TensorData::new(stored.values.clone(), [stored.values.len()]);
        (name, stored.shape, Tensor::<1>::from_data(data, &Device::flex()))
    });
    potstill_models::weights::write_tensors(tensors.collect(), metadata, path).unwrap();
}

#[test]
fn a_student_that_is_no_numbers_is_no_success() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("wild");
    // Three steps: the weights are lost by the last of the second epoch.
    let wild = tiny_recipe()
        .without_table("teacher")
        .set("train.optimizer={ kind = \"sgd\", lr = 1e38 }")
        .set("train.schedule={ kind = \"constant\" }")
        .set("train.batch=96")
        .set("train.epochs=1");
    let error = wild
        .start(&[], &folder)
        .go(&mut NoObserver, &AtomicBool::new(false))
        .unwrap_err();
    assert!(matches!(error, EngineError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("nothing was saved before"), "{error}");
    for file in ["last.safetensors", "student", "summary.json", "metrics.jsonl"] {
        assert!(!folder.join(file).exists(), "{file}");
    }
}
