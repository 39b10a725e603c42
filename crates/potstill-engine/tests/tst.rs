//! TST in whole runs: a round moves the augmentation and nothing else, a student's epoch everything but it, and an interrupted
//! run goes on to the same bits, within a round too.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_engine::Run;
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, goes_on_after_each},
};

/// Three steps an epoch: an epoch of the student, a round of two epochs, an epoch of the student.
fn tiny() -> TestRecipe {
    tiny_recipe().method(
        "tst",
        "bank = { kind = \"closed-form\" }\nrounds = [1]\nround_epochs = 2\nsearch_lr = 0.5\npictures = 3",
    )
}

/// The learned strengths of a checkpoint, and everything else but the optimisers' state.
fn apart(checkpoint: Bits) -> (Bits, Bits) {
    let weights = checkpoint
        .into_iter()
        .filter(|(name, _)| !name.starts_with("optimizer/"));
    weights.partition(|(name, _)| name.ends_with("/probabilities") || name.ends_with("/magnitudes"))
}

fn start(overrides: &[&str], folder: &Path) -> Run {
    tiny().start(overrides, folder)
}

fn resume(overrides: &[&str], folder: &Path) -> Run {
    tiny().resume(overrides, folder)
}

#[test]
fn a_round_moves_the_strengths_and_a_students_epoch_everything_else() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let mut run = start(&[], &folder);
    let mut after = |steps| {
        go_on(&mut run, steps);
        apart(checkpoint(&folder))
    };
    // In the student's epoch, at the first step of the round, at its last but one, in the student's next epoch.
    let [student, begun, searched, learned] = [2, 2, 4, 2].map(&mut after);
    assert_eq!(student.0.len(), 2, "{:?}", student.0.keys());
    assert!(
        student.0.values().flatten().all(|&bits| bits == 0),
        "strengths are 0 at first"
    );
    assert_ne!(student.1, begun.1);
    assert_ne!(student.0, begun.0);
    assert_ne!(begun.0, searched.0);
    assert!(
        begun.1 == searched.1,
        "a round moved something else than the augmentation"
    );
    assert_ne!(searched.1, learned.1);
    finish(&mut run);
    let last = apart(checkpoint(&folder));
    assert!(learned.0 == last.0, "a student's epoch moved the augmentation");
    assert_ne!(learned.1, last.1);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut start(&[], &whole));
    // In the student's epoch, in each epoch of the round, at the end of the round, in the student's next epoch.
    let mut run = start(&[], &broken);
    for steps in [2, 3, 3, 1, 1] {
        go_on(&mut run, steps);
        drop(run);
        run = resume(&[], &broken);
    }
    finish(&mut run);
    for file in [
        "last.safetensors",
        "best.safetensors",
        "student/model.safetensors",
    ] {
        assert!(
            bits(&whole.join(file)) == bits(&broken.join(file)),
            "{file} differs"
        );
    }
    let rows = |folder: &Path| {
        let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
        rows.into_iter()
            .map(|row| {
                format!(
                    "{} {} {:?} {:?} {:?}",
                    row.epoch, row.lr, row.train, row.test, row.notes
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&whole), rows(&broken));
    let picture =
        |folder: &Path| std::fs::read_to_string(folder.join("pictures/tst-before-epoch-2.svg")).unwrap();
    assert_eq!(picture(&whole), picture(&broken));
    assert_eq!(picture(&whole).matches("<image ").count(), 6);
    let student = bits(&whole.join("student/model.safetensors"));
    let training_only = student.keys().find(|name| name.contains("magnitudes"));
    assert!(training_only.is_none());
}

const ADAM: &str = "{ kind = \"adamw\", lr = 0.001, weight_decay = 0.01 }";

#[test]
fn a_run_that_was_killed_goes_on_whatever_rule_the_student_has() {
    let change = format!("train.optimizer={ADAM}");
    goes_on_after_each(&tiny(), &[&change], 1..=4);
}

#[test]
fn a_run_that_was_killed_between_two_phases_goes_on() {
    let second = format!("{{ name = \"second\", epochs = 1, optimizer = {ADAM} }}");
    let phases = format!("train.phases=[{{ name = \"first\", epochs = 1 }}, {second}]");
    let recipe = tiny().without("train.epochs").set(&phases);
    goes_on_after_each(&recipe, &[], 1..=4);
    // No round in between.
    goes_on_after_each(&recipe, &["methods=[]"], 1..=2);
}

#[test]
fn what_was_learned_is_in_the_metrics() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut start(&[], &folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    let note = |row: usize, part: &str| {
        let notes = &rows[row].notes;
        let found = notes.iter().find(|(name, _)| name.ends_with(part));
        *found.unwrap_or_else(|| panic!("{part} is not in {notes:?}")).1
    };
    assert_eq!(rows[0].notes.len(), 25);
    // A round's first rate is the one it was asked to start with; its epochs are not the student's.
    assert_eq!(rows[1].lr, 0.5);
    assert_eq!(
        rows.iter().map(|row| row.search).collect::<Vec<_>>(),
        [false, true, true, false]
    );
    assert_eq!(read_summary(folder.join("summary.json")).unwrap().epochs, 2);
    assert_eq!(note(0, "magnitude.rotate"), 0.5);
    assert!((note(0, "probability.cutout") - 0.622_459).abs() < 1e-6);
    let last = rows.len() - 1;
    let moved = rows[last]
        .notes
        .values()
        .zip(rows[0].notes.values())
        .filter(|(a, b)| a != b)
        .count();
    assert!(moved > 8, "{moved} of 25 moved");
}

#[test]
fn without_rounds_nothing_is_learned_and_without_the_method_the_student_is_another() {
    let place = tempfile::tempdir().unwrap();
    let trained = |name: &str, overrides: &[&str]| {
        let folder = place.path().join(name);
        finish(&mut start(overrides, &folder));
        apart(checkpoint(&folder))
    };
    let unlearned = trained("unlearned", &["methods.0.rounds=[]"]);
    assert!(unlearned.0.values().flatten().all(|&bits| bits == 0));
    assert!(unlearned.1 != trained("learned", &[]).1);
    assert!(unlearned.1 != trained("plain", &["methods=[]"]).1);
    // Any other loss learns from the augmented images.
    let beside = |kind: &str| {
        format!(
            "methods=[{{ kind = \"tst\", weight = 0.0, bank = {{ kind = \"closed-form\" }}, rounds = [] }}, {{ kind = \"{kind}\" }}]"
        )
    };
    assert!(
        unlearned.1 == trained("kd", &[&beside("kd")]).1,
        "its own loss is KD"
    );
    assert!(!trained("review", &[&beside("review-kd")]).1.is_empty());
}
