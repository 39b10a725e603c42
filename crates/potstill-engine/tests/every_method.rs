//! Every method of the registry on every task that it serves, in whole runs: it has a loss, is saved and goes on to the same bits, leaves nothing in the
//! deployed student, and learns the same from what is kept of its teacher.
//!
//! The methods of a task are entries of one run, with weights so small that none of them leads the others astray.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeSet, path::Path};

use potstill_methods::{MethodEntry, registry};
use potstill_ops::count_trainable;
use potstill_recipe::TaskKind;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, part, with_cache},
};

/// Those that train their teacher, or go through phases of their own: each has its own file of whole runs.
const APART: [&str; 5] = ["dml", "ekd", "tskd", "letkd", "tst"];

/// What an entry says beside its kind, where a run of two steps or small maps need it.
fn options(entry: &MethodEntry) -> &'static str {
    match entry.name {
        "review-kd" => "mid_channels = 8\nramp_epochs = 0",
        "dkd" | "rld" | "ctkd" => "ramp_epochs = 0",
        _ => "",
    }
}

/// Two small networks of equal widths and four drawn images in two steps.
fn networks(task: TaskKind) -> TestRecipe {
    let (student, teacher, size) = match task {
        TaskKind::Classification | TaskKind::MultiLabel => ("cifar_resnet8", "cifar_resnet14", 16),
        TaskKind::Segmentation => ("fcn_cifar_resnet8", "fcn_cifar_resnet14", 16),
        TaskKind::Detection => ("fasterrcnn_cifar_resnet8", "fasterrcnn_cifar_resnet20", 32),
        TaskKind::InstanceSegmentation => ("maskrcnn_cifar_resnet8", "maskrcnn_cifar_resnet20", 32),
    };
    tiny_recipe()
        .set(&format!("task={task}"))
        .set(&format!("data.train=shapes:size={size},train=4,test=2,classes=3"))
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={student}"))
        .set(&format!("teacher.model={teacher}"))
        .set("train.batch=2")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.01")
}

fn served(task: TaskKind) -> Vec<&'static MethodEntry> {
    let all = registry().iter();
    all.filter(|entry| entry.tasks.contains(&task) && !APART.contains(&entry.name))
        .collect()
}

fn with_all(task: TaskKind) -> TestRecipe {
    served(task).into_iter().fold(networks(task), |recipe, entry| {
        recipe.method(entry.name, &format!("weight = 1e-3\n{}", options(entry)))
    })
}

/// Every method of the task has a loss in the log, and what it trains is moved and saved; the student's file has the student alone.
fn each_has_a_loss(task: TaskKind, folder: &Path) {
    let recipe = with_all(task);
    let fresh = recipe.plan(&[]).unwrap();
    let terms = &read_metrics(folder.join("metrics.jsonl")).unwrap()[0].train.terms;
    let last = checkpoint(folder);
    for planned in fresh.methods() {
        let value = terms[&planned.id];
        assert!(
            value.is_finite() && value != 0.0,
            "{task}, {}: {value}",
            planned.id
        );
        let own = part(&last, &planned.id);
        let trains = planned
            .trained_parts()
            .any(|part| count_trainable(part.module) > 0);
        assert_eq!(trains, !own.is_empty(), "{task}, {}", planned.id);
    }
    let names = |bits: potstill_testing::runs::Bits| bits.into_keys().collect::<BTreeSet<_>>();
    assert_eq!(
        names(bits(&folder.join("student/model.safetensors"))),
        names(part(&last, "student")),
        "{task}"
    );
}

fn goes_on(task: TaskKind) {
    let place = tempfile::tempdir().unwrap();
    let recipe = with_all(task);
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut recipe.start(&[], &whole));
    each_has_a_loss(task, &whole);
    go_on(&mut recipe.start(&[], &broken), 1);
    finish(&mut recipe.resume(&[], &broken));
    let (whole, broken) = (checkpoint(&whole), checkpoint(&broken));
    let differ: Vec<_> = whole
        .iter()
        .filter(|(name, values)| broken.get(*name) != Some(values))
        .map(|(name, _)| name)
        .collect();
    assert!(
        differ.is_empty() && whole.len() == broken.len(),
        "{task}: {differ:?}"
    );
}

#[test]
fn every_method_of_classification_goes_on_to_the_same_bits() {
    goes_on(TaskKind::Classification);
}

#[test]
fn every_method_of_several_labels_goes_on_to_the_same_bits() {
    goes_on(TaskKind::MultiLabel);
}

#[test]
fn every_method_of_segmentation_goes_on_to_the_same_bits() {
    goes_on(TaskKind::Segmentation);
}

#[test]
fn every_method_of_detection_goes_on_to_the_same_bits() {
    goes_on(TaskKind::Detection);
}

#[test]
fn every_method_of_instances_goes_on_to_the_same_bits() {
    goes_on(TaskKind::InstanceSegmentation);
}

#[test]
fn every_method_of_classification_learns_the_same_from_a_teacher_that_is_kept() {
    let test = "every_method_of_classification_learns_the_same_from_a_teacher_that_is_kept";
    with_cache(module_path!(), test, |place| {
        let teacher = place.join("teacher");
        let alone = networks(TaskKind::Classification).set("student.model=cifar_resnet14");
        finish(&mut alone.start(&["methods=[]"], &teacher));
        let run = |name: &str, changes: &[&str]| {
            let folder = place.join(name);
            let recipe = with_all(TaskKind::Classification)
                .set(&format!("teacher={{ run = \"{}\" }}", teacher.display()))
                .set("data.views=1")
                .set("data.augment_seed=3")
                .set("train.epochs=2");
            finish(&mut recipe.start(changes, &folder));
            checkpoint(&folder)
        };
        let without = run("without", &[]);
        let kept = ["teacher.cache=true", "teacher.cache_taps=true"];
        // The first epoch writes, the second reads.
        assert!(run("kept", &kept) == without);
        assert!(run("again", &kept) == without);
    });
}
