//! Whole runs of TSKD on drawn images: its schedule, its memory in the checkpoints, what is frozen when, and resumed cycles.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{path::Path, sync::atomic::AtomicBool};

use potstill_engine::{EpochProgress, Observer, Run};
use potstill_recipe::Recipe;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, part},
};

/// With an interval of 1: memory, memory, memory, review, and again. Two steps an epoch.
fn tiny() -> TestRecipe {
    tiny_recipe()
        .set("data.train=shapes:size=8,train=32,test=20,classes=10")
        .set("data.augment=[\"flip\"]")
        .set("train.epochs=6")
        .set("train.batch=16")
        .method("tskd", "interval = 1\nhidden = [4, 4, 4]")
}

fn start(overrides: &[&str], folder: &Path) -> Run {
    tiny().start(overrides, folder)
}

fn resume(overrides: &[&str], folder: &Path) -> Run {
    tiny().resume(overrides, folder)
}

/// The checkpoint at the end of every epoch.
struct Epochs<'a>(&'a Path, Vec<Bits>);

impl Observer for Epochs<'_> {
    fn epoch(&mut self, _: &EpochProgress<'_>) {
        self.1.push(checkpoint(self.0));
    }
}

fn every_epoch(overrides: &[&str], folder: &Path) -> Vec<Bits> {
    let mut run = start(overrides, folder);
    let mut epochs = Epochs(folder, Vec::new());
    run.go(&mut epochs, &AtomicBool::new(false)).unwrap();
    epochs.1
}

/// The names of the terms in the log of each epoch.
fn terms(folder: &Path) -> Vec<Vec<String>> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows.into_iter()
        .map(|row| row.train.terms.keys().cloned().collect())
        .collect()
}

#[test]
fn a_cycle_is_memory_memory_memory_review() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let epochs = every_epoch(&[], &folder);
    assert_eq!(epochs.len(), 6);
    let student: Vec<_> = epochs.iter().map(|bits| part(bits, "student")).collect();
    let forecasters: Vec<_> = epochs.iter().map(|bits| part(bits, "tskd")).collect();
    for epoch in 0..6 {
        // Slots 1 to 3 are filled in epochs 0 to 2, and slot 1 again in epoch 4 and slot 2 in epoch 5.
        let held = |slot: usize| match (slot, epoch) {
            (0, 4..) => Some(4),
            (1, 5..) => Some(5),
            (slot, epoch) => (slot <= epoch).then_some(slot),
        };
        for slot in 0..3 {
            let memory = part(&epochs[epoch], &format!("tskd.memory{}", slot + 1));
            match held(slot) {
                Some(then) => assert!(memory == student[then], "slot {slot} after epoch {epoch}"),
                None => assert!(memory.is_empty(), "slot {slot} after epoch {epoch}"),
            }
        }
        // Frozen is frozen: no decay, no left-over momentum, before the first review and between reviews.
        if epoch > 0 {
            let moved = forecasters[epoch] != forecasters[epoch - 1];
            assert_eq!(moved, epoch == 3, "the forecasters in epoch {epoch}");
        }
    }
    assert!(!forecasters[0].is_empty());
    for (epoch, terms) in terms(&folder).into_iter().enumerate() {
        let mut expected = vec!["cross_entropy", "tskd-kl"];
        expected.extend((epoch == 3).then_some("tskd-review"));
        assert_eq!(terms, expected, "epoch {epoch}");
    }
    let exported = bits(&folder.join("student/model.safetensors"));
    assert!(
        exported.keys().eq(student[5].keys()),
        "the deployed student is the plain student"
    );
}

#[test]
fn a_review_without_weight_leaves_the_student_of_plain_kd_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let student = |name: &str, overrides: &[&str]| {
        let folder = place.path().join(name);
        finish(&mut start(overrides, &folder));
        part(&checkpoint(&folder), "student")
    };
    let plain = student("kd", &[r#"methods=[{ kind = "kd", temperature = 4.0 }]"#]);
    let without = student("without", &["methods.0.review_weight=0.0"]);
    assert!(plain == without);
    assert!(plain != student("with", &[]), "the review changed nothing");
    let noted = terms(&place.path().join("without"));
    assert!(noted[3].contains(&"tskd-review".to_owned()), "{noted:?}");
}

#[test]
fn a_run_that_was_interrupted_anywhere_in_a_cycle_ends_with_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    for overrides in [
        &[][..],
        &["methods.0.decay_between_reviews=true", "methods.0.peepholes=true"],
    ] {
        for folder in [&whole, &broken] {
            let _ = std::fs::remove_dir_all(folder);
        }
        finish(&mut start(overrides, &whole));
        // Two steps an epoch: in the middle of the first memory epoch, at the end of the second one, in the middle of the review,
        // and in the memory epoch behind it.
        go_on(&mut start(overrides, &broken), 1);
        for steps in [3, 3, 2] {
            go_on(&mut resume(overrides, &broken), steps);
        }
        finish(&mut resume(overrides, &broken));
        for file in [
            "last.safetensors",
            "best.safetensors",
            "student/model.safetensors",
        ] {
            let [a, b] = [&whole, &broken].map(|folder| bits(&folder.join(file)));
            assert!(a == b, "{file} differs, {overrides:?}");
        }
        assert_eq!(terms(&whole), terms(&broken));
    }
}

#[test]
fn decay_goes_on_between_reviews_if_told() {
    let place = tempfile::tempdir().unwrap();
    let epochs = every_epoch(
        &["methods.0.decay_between_reviews=true"],
        &place.path().join("run"),
    );
    let forecasters: Vec<_> = epochs.iter().map(|bits| part(bits, "tskd")).collect();
    let moved: Vec<_> = forecasters.windows(2).map(|pair| pair[0] != pair[1]).collect();
    assert_eq!(moved, [false, false, true, true, true]);
}

#[test]
fn a_teacher_may_see_the_statistics_of_the_batch() {
    let place = tempfile::tempdir().unwrap();
    let student = |name: &str, overrides: &[&str]| {
        let overrides = [overrides, &["train.epochs=1", r#"methods=[{ kind = "kd" }]"#]].concat();
        let folder = place.path().join(name);
        finish(&mut start(&overrides, &folder));
        let recipe = Recipe::from_path(folder.join("recipe.toml"), &[]).unwrap();
        assert_eq!(
            recipe,
            Recipe::from_text(&recipe.to_toml().unwrap(), "again", &[]).unwrap()
        );
        part(&checkpoint(&folder), "student")
    };
    let running = student("running", &["teacher.batch_norm=running"]);
    assert!(
        running == student("silent", &[]),
        "running statistics are the default"
    );
    let batch = student("batch", &["teacher.batch_norm=batch"]);
    assert!(running != batch, "the batch's statistics change nothing");
}

#[test]
fn a_training_too_short_for_a_review_is_refused() {
    let error = tiny().plan(&["train.epochs=3"]).err().unwrap();
    assert!(error.contains("for the first time in epoch 4"), "{error}");
}

#[test]
fn an_estimate_knows_how_many_epochs_review() {
    let gflop = |overrides: &[&str]| {
        let plan = tiny().plan(overrides).unwrap();
        plan.estimate().unwrap().step_gflop
    };
    // One review in four epochs, and one in six.
    let general = gflop(&["methods=[{ kind = \"kd\" }]"]);
    let [of_four, of_six] = [4.0, 6.0].map(|epochs| {
        let mean = gflop(&[&format!("train.epochs={epochs}")]);
        epochs * mean - (epochs - 1.0) * general
    });
    assert!(of_four > 1.1 * general, "{of_four} against {general}");
    assert!((of_four - of_six).abs() < 1e-9 * of_four, "{of_four}, {of_six}");
}

#[test]
fn an_estimate_does_not_walk_to_a_review_in_the_distant_future() {
    let gflop = |overrides: &[&str]| {
        let plan = tiny().plan(overrides).unwrap();
        plan.estimate().unwrap().step_gflop
    };
    let general = gflop(&["methods=[{ kind = \"kd\" }]"]);
    // Nothing is remembered for reviews that nobody waits for.
    let distant = gflop(&["train.epochs=1000000000", "methods.0.interval=1000000"]);
    assert!((distant - general).abs() < 1e-9 * general, "{distant}, {general}");
}
