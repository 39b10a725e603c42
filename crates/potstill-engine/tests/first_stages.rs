//! First stages, in whole runs: nothing but their method counts in them, and the run goes on to the same bits in both stages.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on, part},
};

/// A first epoch of one method beside KD, which has to wait.
fn staged(kind: &str) -> TestRecipe {
    tiny_recipe()
        .set("train.optimizer.weight_decay=0.0")
        .method("kd", "")
        .method(kind, "stage1_epochs = 1")
}

#[test]
fn stages_go_on_to_the_same_bits_and_the_classifier_waits() {
    let place = tempfile::tempdir().unwrap();
    for kind in ["ab", "fsp", "ft", "fitnet"] {
        let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(format!("{kind}-{name}")));
        finish(&mut staged(kind).start(&[], &whole));
        go_on(&mut staged(kind).start(&[], &broken), 2);
        let early = part(&checkpoint(&broken), "student");
        go_on(&mut staged(kind).resume(&[], &broken), 2);
        let late = part(&checkpoint(&broken), "student");
        finish(&mut staged(kind).resume(&[], &broken));
        assert!(checkpoint(&whole) == checkpoint(&broken), "{kind}");
        // No loss reaches the classifier in the first stage; of FT none reaches the student at all.
        let fresh = place.path().join(format!("{kind}-fresh"));
        go_on(&mut staged(kind).start(&[], &fresh), 1);
        let first = part(&checkpoint(&fresh), "student");
        assert!(first["linear.weight"] == early["linear.weight"], "{kind}");
        assert!(early["linear.weight"] != late["linear.weight"], "{kind}");
        assert_eq!(
            first["conv1.weight"] != early["conv1.weight"],
            kind != "ft",
            "{kind}"
        );
        let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
        let terms =
            |epoch: usize| -> Vec<&str> { rows[epoch].train.terms.keys().map(String::as_str).collect() };
        assert!(
            !terms(0).contains(&"kd") && !terms(0).contains(&"cross_entropy"),
            "{kind}: {:?}",
            terms(0)
        );
        assert!(
            terms(1).contains(&"kd") && terms(1).contains(&"cross_entropy"),
            "{kind}: {:?}",
            terms(1)
        );
        assert_eq!(terms(1).contains(&kind), kind == "ft", "{kind}");
    }
}

#[test]
fn a_stage_as_long_as_the_training_is_refused() {
    let refused = staged("ab").plan(&["train.epochs=1"]).err().unwrap();
    assert!(refused.contains("has the first 1 epochs for itself"), "{refused}");
    let notes = staged("fsp").plan(&[]).unwrap().spec.notes().join("\n");
    assert!(notes.contains("the first 1 epochs are its own"), "{notes}");
}
