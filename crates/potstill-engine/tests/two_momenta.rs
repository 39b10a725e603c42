//! Two momenta, in whole runs: they are saved, go on to the same bits, and are those of two gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on},
};

fn tiny(delta: &str) -> TestRecipe {
    tiny_recipe()
        .set(&format!(
            "train.optimizer={{ kind = \"dot\", lr = 0.05, momentum = 0.9, delta = {delta}, weight_decay = 5e-4 }}"
        ))
        .set("train.task_weight=0.1")
        .method("kd", "weight = 0.9")
        .method("fitnet", "weight = 1.0")
}

#[test]
fn two_momenta_go_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken, other] = ["whole", "broken", "other"].map(|name| place.path().join(name));
    finish(&mut tiny("0.075").start(&[], &whole));
    go_on(&mut tiny("0.075").start(&[], &broken), 2);
    go_on(&mut tiny("0.075").resume(&[], &broken), 2);
    finish(&mut tiny("0.075").resume(&[], &broken));
    let kept = checkpoint(&whole);
    assert!(kept == checkpoint(&broken));
    let names = |part: &str| {
        kept.keys()
            .filter(|name| name.starts_with("optimizer/") && name.contains(part))
            .count()
    };
    // The student has both; a module of a method has one.
    assert!(
        names("student") > 0
            && kept
                .keys()
                .any(|name| name.contains("conv1.weight") && name.contains("methods"))
    );
    assert!(
        kept.keys()
            .any(|name| name.contains("fitnet/") && name.ends_with("momentum")),
        "{:?}",
        kept.keys()
    );
    // Both passes note for running statistics what one does: their sum is that of a single step.
    finish(&mut tiny("0.0").start(&[], &other));
    assert!(kept != checkpoint(&other));
}

#[test]
fn without_a_difference_it_is_sgd_but_for_rounding() {
    let place = tempfile::tempdir().unwrap();
    let weights = |recipe: &TestRecipe, name: &str| -> Vec<f32> {
        let folder = place.path().join(name);
        finish(&mut recipe.start(&["train.epochs=1"], &folder));
        let found = checkpoint(&folder);
        let of = |name: &str| {
            found[name]
                .iter()
                .map(|bits| f32::from_bits(*bits))
                .collect::<Vec<_>>()
        };
        [of("student/conv1.weight"), of("student/bn1.running_mean")].concat()
    };
    let dot = weights(&tiny("0.0"), "dot");
    let sgd =
        tiny("0.0").set("train.optimizer={ kind = \"sgd\", lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }");
    for (one, other) in dot.iter().zip(weights(&sgd, "sgd")) {
        assert!(
            (one - other).abs() < 1e-3 * other.abs().max(0.1),
            "{one} is not {other}"
        );
    }
}

#[test]
fn what_cannot_be_kept_apart_is_refused() {
    for (change, words) in [
        ("train.accumulate=2", "gathered as one"),
        ("train.clip_norm=1.0", "the norm of their sum"),
    ] {
        let refused = tiny("0.075").plan(&[change]).err().unwrap();
        assert!(refused.contains(words), "{refused}");
    }
    let large = tiny("0.2").plan(&[]).err().unwrap();
    assert!(large.contains("both momenta"), "{large}");
}
