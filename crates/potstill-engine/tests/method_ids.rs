//! Two entries of `[[methods]]` of one kind: each has a name, and under it its log, its modules, its optimiser's state and its draws.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, part},
};

fn tiny(methods: &str) -> TestRecipe {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=64,test=20,classes=6")
        .set("data.augment=[\"flip\"]")
        .set("train.clip_norm=5.0")
        .append(methods)
}

/// The terms of the first epoch's log.
fn terms(methods: &str, overrides: &[&str], folder: &Path) -> Vec<(String, f64)> {
    finish(&mut tiny(methods).start(overrides, folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0].train.terms.clone().into_iter().collect()
}

#[test]
fn two_of_one_kind_log_two_terms() {
    let place = tempfile::tempdir().unwrap();
    let hot = "[[methods]]\nkind = \"kd\"\ntemperature = 2.0\n";
    let cold = "[[methods]]\nkind = \"kd\"\ntemperature = 4.0\n";
    // One step: what is logged is what fresh networks say.
    let one_step = ["train.epochs=1", "train.batch=64"];
    let run = |name: &str, methods: &str| terms(methods, &one_step, &place.path().join(name));
    let both = run("both", &format!("{hot}{cold}"));
    let names: Vec<&str> = both.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cross_entropy", "kd", "kd-2"]);
    assert_eq!(both[1].1, run("hot", hot)[1].1);
    assert_eq!(both[2].1, run("cold", cold)[1].1);
    assert!(both[1].1 != both[2].1);
}

#[test]
fn an_entry_is_called_as_the_recipe_calls_it() {
    let place = tempfile::tempdir().unwrap();
    let methods = "[[methods]]\nkind = \"ekd\"\nname = \"grown\"\npairs = 1\n";
    let folder = place.path().join("run");
    let logged = terms(methods, &["train.epochs=1"], &folder);
    let expected = [
        "cross_entropy",
        "teacher_cross_entropy",
        "grown-transfer",
        "grown-imitation",
        "grown-heads",
        "grown-least-deviation",
    ];
    let names: Vec<&str> = logged.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, expected);
    let last = checkpoint(&folder);
    for name in [
        "grown",
        "grown.teacher",
        "optimizer/grown",
        "optimizer/grown.teacher",
    ] {
        assert!(!part(&last, name).is_empty(), "{name}");
    }
    assert!(part(&last, "ekd").is_empty());
}

/// Runs to the end, and in pieces; both must come to the same bits. Gives the last checkpoint.
fn goes_on_to_the_same_bits(methods: &str, overrides: &[&str], place: &Path) -> Bits {
    let [whole, broken] = ["whole", "broken"].map(|name| place.join(name));
    finish(&mut tiny(methods).start(overrides, &whole));
    go_on(&mut tiny(methods).start(overrides, &broken), 1);
    go_on(&mut tiny(methods).resume(overrides, &broken), 2);
    finish(&mut tiny(methods).resume(overrides, &broken));
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
    checkpoint(&whole)
}

#[test]
fn two_of_one_kind_are_saved_and_go_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let methods = "[[methods]]\nkind = \"review-kd\"\nmid_channels = 16\nramp_epochs = 0\n\
                   [[methods]]\nkind = \"review-kd\"\nmid_channels = 8\nramp_epochs = 0\n";
    let last = goes_on_to_the_same_bits(methods, &[], place.path());
    for name in ["review-kd", "review-kd-2"] {
        let (own, state) = (part(&last, name), part(&last, &format!("optimizer/{name}")));
        assert_eq!(
            own["levels.0.conv1.weight"].len(),
            if name == "review-kd" { 16 * 16 } else { 16 * 8 }
        );
        assert_eq!(
            state["levels.0.conv1.weight/momentum"].len(),
            own["levels.0.conv1.weight"].len()
        );
    }
}

#[test]
fn two_memories_and_two_augmentations_go_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let tskd = "[[methods]]\nkind = \"tskd\"\ninterval = 1\nsnapshots = 1\nhidden = [4, 4, 4]\n";
    let memories = place.path().join("memories");
    std::fs::create_dir(&memories).unwrap();
    let last = goes_on_to_the_same_bits(&format!("{tskd}{tskd}peepholes = true\n"), &[], &memories);
    assert_eq!(part(&last, "tskd.memory1"), part(&last, "tskd-2.memory1"));
    let tst = "[[methods]]\nkind = \"tst\"\nbank = { kind = \"closed-form\" }\nrounds = [1]\nround_epochs = 1\nsearch_lr = 0.5\n\
               pictures = 2\n";
    let augmentations = place.path().join("augmentations");
    std::fs::create_dir(&augmentations).unwrap();
    let last = goes_on_to_the_same_bits(&format!("{tst}{tst}"), &[], &augmentations);
    // Draws of their own: they learn something else.
    assert_ne!(part(&last, "tst.augmentation"), part(&last, "tst-2.augmentation"));
    for picture in ["tst-before-epoch-2.svg", "tst-2-before-epoch-2.svg"] {
        assert!(
            augmentations.join("whole/pictures").join(picture).is_file(),
            "{picture}"
        );
    }
    let rows = read_metrics(augmentations.join("whole/metrics.jsonl")).unwrap();
    assert_eq!(rows[0].notes.len(), 50);
    assert!(
        rows[0].notes.contains_key("probability.cutout")
            && rows[0].notes.contains_key("tst-2.probability.cutout")
    );
}

#[test]
fn an_entry_is_trained_by_the_phase_that_names_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let phases = "train.phases=[{ name = \"second only\", epochs = 1, trains = [\"review-kd-2\"] }]";
    let two = "[[methods]]\nkind = \"review-kd\"\n[[methods]]\nkind = \"review-kd\"\n";
    let recipe = tiny(two).without("train.epochs").set(phases);
    assert_eq!(
        recipe.plan(&[]).unwrap().spec.phases[0].trains,
        Some(vec!["review-kd-2".to_owned()])
    );
    finish(&mut recipe.start(&[], &folder));
    let last = checkpoint(&folder);
    assert!(part(&last, "optimizer/review-kd").is_empty() && part(&last, "optimizer/student").is_empty());
    assert!(!part(&last, "optimizer/review-kd-2").is_empty());
}
