//! Two networks that learn together, in whole runs: both move, both follow each other, and the run goes on to the same bits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on, part},
};

/// A peer without weights.
fn tiny() -> TestRecipe {
    tiny_recipe().without("teacher.weights").method("dml", "")
}

#[test]
fn both_networks_go_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut tiny().start(&[], &whole));
    go_on(&mut tiny().start(&[], &broken), 2);
    let early = part(&checkpoint(&broken), "teacher");
    go_on(&mut tiny().resume(&[], &broken), 2);
    finish(&mut tiny().resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    assert!(part(&checkpoint(&whole), "teacher")["linear.weight"] != early["linear.weight"]);
    let terms = &read_metrics(whole.join("metrics.jsonl")).unwrap()[0].train.terms;
    for term in ["dml", "dml.peer", "teacher_cross_entropy"] {
        assert!(terms[term] > 0.0, "{terms:?}");
    }
}

#[test]
fn the_peer_follows_the_student() {
    let place = tempfile::tempdir().unwrap();
    // Of no weight it learns from the labels alone.
    let peer = |weight: &str| {
        let folder = place.path().join(format!("run-{weight}"));
        let change = format!("methods.0.weight={weight}");
        finish(&mut tiny().start(&[&change, "train.epochs=1"], &folder));
        part(&checkpoint(&folder), "teacher")
    };
    assert!(peer("0.0") != peer("1.0"));
}
