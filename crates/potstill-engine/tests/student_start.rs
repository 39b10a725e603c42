//! What a student takes from its teacher before the first step, and what of it does not train.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, checkpoint, finish, go_on, part},
};

/// A student that learns from a teacher of its own kind.
fn twins() -> TestRecipe {
    tiny_recipe()
        .set("teacher.model=cifar_resnet8")
        .set("train.epochs=1")
        .method("kd", "weight = 1.0")
}

fn begun(recipe: &TestRecipe, changes: &[&str]) -> (Bits, Vec<String>) {
    let plan = recipe.plan(changes).unwrap();
    let mut bits = Bits::new();
    plan.student().parameters().each(&mut |entry, value| {
        let values = value.into_data().iter::<f32>().map(f32::to_bits).collect();
        bits.insert(entry.path.clone(), values);
    });
    (bits, plan.spec.notes())
}

#[test]
fn tensors_of_the_same_name_and_shape_are_taken() {
    let recipe = twins();
    let (alone, none) = begun(&recipe, &[]);
    assert!(none.is_empty(), "{none:?}");
    let (taught, notes) = begun(&recipe, &["student.inherit=[\"layer3\", \"linear\"]"]);
    for (path, values) in &taught {
        let is_taken = path.starts_with("layer3.") || path.starts_with("linear.");
        // Batch norms begin with the same values in every network.
        let is_drawn = path.contains("conv") || path.starts_with("linear");
        assert_eq!(*values != alone[path], is_taken && is_drawn, "{path}");
    }
    assert!(
        notes
            .iter()
            .any(|note| note.contains("of `layer3`") && note.contains("2 of `linear`")),
        "{notes:?}"
    );
}

#[test]
fn what_takes_nothing_is_refused_by_name() {
    let recipe = twins();
    let refused = |changes: &[&str]| recipe.plan(changes).err().unwrap();
    let unknown = refused(&["student.inherit=[\"linear\", \"head\"]"]);
    assert!(
        unknown.contains("`head` takes nothing") && unknown.contains("layer1.0"),
        "{unknown}"
    );
    // Another width fits nowhere.
    let wide = refused(&["teacher.model=cifar_wrn_16_2", "student.inherit=[\"layer3\"]"]);
    assert!(wide.contains("`layer3` takes nothing"), "{wide}");
    let of_teacher = refused(&["teacher.inherit=[\"linear\"]"]);
    assert!(of_teacher.contains("inherit"), "{of_teacher}");
    // The student alone has nobody to take from.
    let (_, notes) = begun(&recipe, &["methods=[]", "student.inherit=[\"linear\"]"]);
    assert!(
        notes.iter().any(|note| note.contains("takes nothing")),
        "{notes:?}"
    );
}

#[test]
fn frozen_parts_keep_their_weights_to_the_bit_and_the_rest_trains() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let freeze = "student.freeze=[\"conv1\", \"bn1\", \"layer1\"]";
    let recipe = twins();
    let (before, notes) = begun(&recipe, &[freeze]);
    assert!(
        notes.iter().any(|note| note.contains("do not train")),
        "{notes:?}"
    );
    go_on(&mut recipe.start(&[freeze], &folder), 2);
    finish(&mut recipe.resume(&[freeze], &folder));
    let state = checkpoint(&folder);
    let after = part(&state, "student");
    for (path, values) in &after {
        let is_frozen = ["conv1.", "bn1.", "layer1."]
            .iter()
            .any(|frozen| path.starts_with(frozen));
        let is_statistic = path.contains("running");
        assert_eq!(*values == before[path], is_frozen && !is_statistic, "{path}");
    }
    let moved = part(&state, "optimizer/student");
    assert!(
        !moved.keys().any(|path| path.starts_with("layer1")),
        "no momentum is kept"
    );
}

#[test]
fn freezing_nothing_or_everything_is_refused() {
    let recipe = twins();
    let refused = |change: &str| recipe.plan(&[change]).err().unwrap();
    let unknown = refused("student.freeze=[\"layer9\"]");
    assert!(unknown.contains("no weight below `layer9`"), "{unknown}");
    let all = refused("student.freeze=[\"conv1\", \"bn1\", \"layer1\", \"layer2\", \"layer3\", \"linear\"]");
    assert!(all.contains("nothing of the student is left"), "{all}");
}

#[test]
fn parts_inside_parts_are_counted_for_both() {
    let (_, notes) = begun(&twins(), &["student.inherit=[\"layer3\", \"layer3.0\"]"]);
    assert!(
        notes
            .iter()
            .any(|note| note.contains("of `layer3`") && note.contains("of `layer3.0`")),
        "{notes:?}"
    );
}

/// Otherwise the exported network would compute other numbers than the one that was trained.
#[test]
fn a_student_that_starts_from_a_run_keeps_what_its_batch_norms_add() {
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    let alone = ["methods=[]", "train.epochs=1"];
    finish(&mut twins().set("student.norm_eps=0.01").start(&alone, &first));
    let start = format!("start=run:{}", first.display());
    finish(&mut twins().set(&start).start(&alone, &second));
    for run in [first, second] {
        let config = std::fs::read_to_string(run.join("student/config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["norm_eps"], 0.01, "{}", run.display());
    }
}
