//! Words before much time is spent on what cannot succeed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::atomic::AtomicBool;

use potstill_engine::{Observer, Plan, Run};
use potstill_testing::recipe::tiny_recipe;

/// What a run says that writes nothing.
fn warnings(plan: Plan) -> Vec<String> {
    struct Said(Vec<String>);
    impl Observer for Said {
        fn says(&mut self, line: &str) {
            self.0.push(line.into());
        }
    }
    let mut said = Said(Vec::new());
    let mut run = Run::in_memory(plan).unwrap();
    run.go(&mut said, &AtomicBool::new(false)).unwrap();
    let warnings = said.0.into_iter();
    warnings.filter(|line| line.starts_with("warning: ")).collect()
}

#[test]
fn a_loss_that_does_not_move_is_told_once_and_one_that_does_is_not() {
    let alone = tiny_recipe().without_table("teacher").set("train.epochs=4");
    let plan = |changes: &[&str]| alone.plan(changes).unwrap();
    let constant = "train.schedule={ kind = \"constant\" }";
    let still = warnings(plan(&["train.optimizer.lr=1e-12", constant, "data.augment=[]"]));
    let told = still
        .iter()
        .filter(|line| line.contains("has not moved down in 3 epochs"));
    assert_eq!(told.count(), 1, "{still:?}");
    assert_eq!(warnings(plan(&[])), Vec::<String>::new());
}

#[test]
fn classes_that_no_image_shows_are_named() {
    let few = tiny_recipe().without_table("teacher").set("train.epochs=1");
    let images = "data.train=shapes:size=16,train=4,test=40,classes=6";
    let told = warnings(few.plan(&[images, "train.batch=4"]).unwrap());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("warning: no training image shows `"),
        "{told:?}"
    );
    assert_eq!(told[0].matches('`').count(), 4, "two of six classes: {told:?}");
    // Images without labels may show what the others do not.
    let partly = tiny_recipe().set("train.epochs=1").method("kd", "");
    let told = warnings(
        partly
            .plan(&[images, "train.batch=4", "data.labelled=0.5"])
            .unwrap(),
    );
    assert!(
        !told.iter().any(|line| line.contains("no training image shows")),
        "{told:?}"
    );
}

#[test]
fn a_weight_that_nobody_says_is_told_where_another_is_usual() {
    let notes = |kind: &str, options: &str| {
        tiny_recipe()
            .method(kind, options)
            .plan(&[])
            .unwrap()
            .spec
            .notes()
    };
    assert_eq!(
        notes("at", ""),
        ["at: its weight is 1, because the recipe says none; usual is 1000"]
    );
    assert_eq!(notes("at", "name = \"mine\"")[0].split(' ').next(), Some("mine:"));
    for (kind, options) in [("at", "weight = 1.0"), ("at", "weight = 1000"), ("rkd", "")] {
        assert_eq!(notes(kind, options), [""; 0], "{kind} {options}");
    }
    let told = tiny_recipe()
        .method("ofd", "")
        .plan(&["methods.0.weight=1"])
        .unwrap();
    assert_eq!(told.spec.notes(), [""; 0]);
    // With what the method itself has to say.
    assert!(notes("dkd", "")[0].starts_with("dkd: its ramp of 20 epochs is longer than the training, of 2"));
}
