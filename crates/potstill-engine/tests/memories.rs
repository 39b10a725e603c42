//! Memories that change in every step, in whole runs: saved, and resumed to the same bits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on, part},
};

fn tiny() -> TestRecipe {
    tiny_recipe().method("crd", "weight = 0.8\ndim = 8\nnegatives = 40")
}

#[test]
fn memories_go_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut tiny().start(&[], &whole));
    go_on(&mut tiny().start(&[], &broken), 2);
    let early = part(&checkpoint(&broken), "crd.banks");
    go_on(&mut tiny().resume(&[], &broken), 2);
    finish(&mut tiny().resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    let late = part(&checkpoint(&whole), "crd.banks");
    assert_eq!(late["student"].len(), 96 * 8);
    assert!(early["student"] != late["student"] && early["teacher"] != late["teacher"]);
    assert!(early["z"] == late["z"], "the first batch decides it");
    let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
    assert!(rows[0].train.terms["crd"].is_finite());
    // They are no part of the student.
    let student = potstill_testing::runs::bits(&whole.join("student/model.safetensors"));
    assert!(student.keys().all(|name| !name.contains("bank")));
}

#[test]
fn a_plan_tells_what_is_remembered_and_refuses_images_without_labels() {
    let plan = tiny().plan(&[]).unwrap();
    let notes = plan.spec.notes().join("\n");
    assert!(
        notes.contains("remembers 1536 numbers of the 96 training images"),
        "{notes}"
    );
    let few = tiny().set("data.labelled=12").plan(&[]).err().unwrap();
    assert!(few.contains("label"), "{few}");
}
