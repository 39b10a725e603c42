//! A second view of each image, in whole runs: both networks see it, it goes on to the same bits, whatever the number of threads, and beside a teacher that
//! is kept.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on, with_cache},
};

fn tiny() -> TestRecipe {
    tiny_recipe().set("train.task_weight=0.0").method("mlkd", "")
}

#[test]
fn two_views_go_on_to_the_same_bits_on_any_number_of_threads() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken, plain] = ["whole", "broken", "plain"].map(|name| place.path().join(name));
    finish(&mut tiny().start(&[], &whole));
    go_on(&mut tiny().start(&["data.workers=3"], &broken), 2);
    finish(&mut tiny().resume(&["data.workers=3"], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    let terms = &read_metrics(whole.join("metrics.jsonl")).unwrap()[0].train.terms;
    assert!(terms["mlkd"] > 0.0 && terms["mlkd.ce"] > 0.0, "{terms:?}");
    // Another second view is another training.
    finish(&mut tiny().start(&["data.second_augment=[\"flip\"]"], &plain));
    assert!(checkpoint(&whole) != checkpoint(&plain));
}

#[test]
fn a_kept_teacher_says_the_same_of_both_views() {
    let test = "a_kept_teacher_says_the_same_of_both_views";
    with_cache(module_path!(), test, |place| {
        let teacher = place.join("teacher");
        let alone = tiny_recipe()
            .set("student.model=cifar_resnet14")
            .set("train.epochs=1");
        finish(&mut alone.start(&["methods=[]"], &teacher));
        let recipe = tiny()
            .set(&format!("teacher={{ run = \"{}\" }}", teacher.display()))
            .set("data.views=1")
            .set("data.augment_seed=3");
        let run = |name: &str, changes: &[&str]| {
            let folder = place.join(name);
            finish(&mut recipe.start(changes, &folder));
            checkpoint(&folder)
        };
        let without = run("without", &[]);
        assert!(run("kept", &["teacher.cache=true"]) == without);
        assert!(run("again", &["teacher.cache=true"]) == without);
        let notes = recipe
            .plan(&["teacher.cache=true"])
            .unwrap()
            .spec
            .notes()
            .join("\n");
        assert!(
            notes.contains("the second anew") && notes.contains("two passes"),
            "{notes}"
        );
    });
}

#[test]
fn views_that_cannot_be_are_refused() {
    let size = tiny()
        .plan(&["data.second_augment=[{ resize = { size = 24 } }]"])
        .err()
        .unwrap();
    assert!(size.contains("both views are of one size"), "{size}");
    let learned = tiny().method("tst", "").plan(&[]).err().unwrap();
    assert!(learned.contains("`mlkd` looks at two views"), "{learned}");
    let idle = tiny_recipe().plan(&["data.second_augment=[\"flip\"]"]).unwrap();
    assert!(idle.spec.notes().join("\n").contains("is not used"));
}
