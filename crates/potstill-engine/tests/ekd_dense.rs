//! EKD on detectors and segmenters, in whole runs: the teacher grows by its own task's losses, the student imitates its maps.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, part},
};

fn networks(task: &str, kind: &str) -> TestRecipe {
    tiny_recipe()
        .set(&format!("task={task}"))
        .set("data.train=shapes:size=32,train=4,test=2,classes=3")
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={kind}_cifar_resnet8"))
        .set(&format!("teacher.model={kind}_cifar_resnet20"))
        .set("train.batch=2")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.001")
}

fn one_stage() -> TestRecipe {
    networks("detection", "fcos").method("ekd", "")
}

fn go(recipe: &TestRecipe, overrides: &[&str], folder: &Path) -> Bits {
    finish(&mut recipe.start(overrides, folder));
    checkpoint(folder)
}

fn terms(folder: &Path) -> Vec<(String, f64)> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0].train.terms.clone().into_iter().collect()
}

#[test]
fn a_detectors_teacher_grows_by_its_own_losses_whatever_is_imitated() {
    let place = tempfile::tempdir().unwrap();
    let folders = ["taught", "idle", "alone"].map(|name| place.path().join(name));
    let recipe = one_stage();
    let taught = go(&recipe, &[], &folders[0]);
    let idle = go(&recipe, &["methods.0.beta=0.0"], &folders[1]);
    let alone = go(&recipe, &["methods=[]"], &folders[2]);
    assert!(
        part(&taught, "teacher") == part(&idle, "teacher"),
        "the student's loss reached the teacher"
    );
    assert!(
        part(&alone, "student") == part(&idle, "student"),
        "a weight of 0 moved the student"
    );
    assert!(
        part(&alone, "student") != part(&taught, "student"),
        "it learned nothing"
    );
    assert!(part(&taught, "ekd.teacher").is_empty(), "there are no heads");
    let terms = terms(&folders[0]);
    let of = |name: &str| {
        terms
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    };
    let losses = terms.iter().filter(|(name, _)| name.starts_with("teacher_"));
    assert!(
        losses.count() >= 3,
        "the teacher has the losses of its task: {terms:?}"
    );
    assert!(of("ekd-imitation").unwrap() > 0.0);
    assert_eq!((of("ekd-transfer"), of("ekd-heads")), (None, None));
    let exported = bits(&folders[0].join("student/model.safetensors"));
    assert!(
        exported.keys().eq(part(&alone, "student").keys()),
        "the deployed student is the plain one"
    );
}

#[test]
fn instance_segmenters_and_segmenters_grow_up_beside_their_teachers() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("instances");
    let instances = networks("instance-segmentation", "maskrcnn").method("ekd", "");
    let kept = go(&instances, &[], &folder);
    assert!(!part(&kept, "teacher").is_empty());
    assert!(
        terms(&folder)
            .iter()
            .any(|(name, value)| name == "ekd-imitation" && *value > 0.0)
    );
    let folder = place.path().join("segmenters");
    let segmenters = networks("segmentation", "fcn")
        .set("data.train=shapes:size=19,train=4,test=2,classes=3")
        .method("ekd", "");
    go(&segmenters, &[], &folder);
    let terms = terms(&folder);
    for name in ["ekd-transfer", "ekd-imitation", "teacher_cross_entropy"] {
        assert!(
            terms.iter().any(|(known, value)| known == name && *value > 0.0),
            "{name}: {terms:?}"
        );
    }
}

#[test]
fn a_run_that_was_interrupted_ends_with_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let recipe = one_stage().set("train.epochs=2");
    for first in ["simultaneous", "teacher-first"] {
        for folder in [&whole, &broken] {
            let _ = std::fs::remove_dir_all(folder);
        }
        let order = format!("methods.0.update_order={first}");
        finish(&mut recipe.start(&[&order], &whole));
        go_on(&mut recipe.start(&[&order], &broken), 1);
        finish(&mut recipe.resume(&[&order], &broken));
        assert!(checkpoint(&whole) == checkpoint(&broken), "{first}");
    }
}

#[test]
fn blocks_are_levels_of_the_pyramid_or_stages() {
    let points = |recipe: TestRecipe| -> Vec<String> {
        let plan = recipe.plan(&[]).unwrap();
        let reads = plan.reads();
        reads[0].student.iter().map(ToString::to_string).collect()
    };
    let levels = ["layer_blocks.0", "layer_blocks.1", "extra_blocks.p6"];
    let levels = levels.map(|level| format!("backbone.fpn.{level}"));
    assert_eq!(points(one_stage()), levels);
    let two = networks("detection", "fcos").method("ekd", "pairs = 2");
    assert_eq!(points(two), levels[1..]);
    let stages = points(networks("segmentation", "fcn").method("ekd", ""));
    assert_eq!(
        stages,
        ["layer1.0", "layer2.0", "layer3.0"].map(|stage| format!("backbone.{stage}"))
    );
}

#[test]
fn what_makes_no_sense_on_dense_tasks_is_refused_with_the_reason() {
    let refused = |options: &str, words: &[&str]| {
        let recipe = networks("detection", "fcos").method("ekd", options);
        let message = recipe.plan(&[]).err().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused(
        "gm_teacher = \"module\"",
        &["gm_teacher", "class of a whole image", "detection"],
    );
    refused("gm_width = 8", &["gm_width", "identity"]);
    refused("pairs = 4", &["pairs", "there are 3 blocks"]);
    refused(
        "teacher_mode = \"frozen\"\nalpha = 1.0",
        &["frozen", "random weights"],
    );
}
