//! Whole runs of a task whose images have sets of classes: the seam between tasks and everything above them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path, sync::Arc};

use burn::tensor::Device;
use potstill_data::{Augment, Dataset, LoaderConfig, Split, TargetKind, open_for};
use potstill_engine::{CheckpointChoice, Evaluation, RunFolder, Source, evaluate, export};
use potstill_models::FrozenModel;
use potstill_random::Seed;
use potstill_report::{read_metrics, read_summary};
use potstill_tasks::{TaskKind, TaskOptions};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on},
};

const DATA: &str = "shapes:size=32,train=96,test=40,classes=6,figures=0-3";

fn tiny() -> TestRecipe {
    tiny_recipe()
        .set("task=multi-label")
        .set(&format!("data.train={DATA}"))
}

/// With a trained teacher of the same task, from this folder.
fn taught(folder: &Path) -> TestRecipe {
    finish(&mut tiny().start(&["train.epochs=1"], folder));
    tiny().set(&format!("teacher={{ run = \"{}\" }}", folder.display()))
}

#[test]
fn an_interrupted_and_resumed_run_equals_an_uninterrupted_one_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let [teacher, whole, broken] = ["teacher", "whole", "broken"].map(|name| place.path().join(name));
    let recipe = taught(&teacher)
        .set("train.label_smoothing=0.1")
        .method("kd", "")
        .method("review-kd", "ramp_epochs = 2")
        .method("tskd", "interval = 1\nsnapshots = 1");
    finish(&mut recipe.start(&[], &whole));
    // In the middle of the first epoch, at its end, and in the middle of the second.
    go_on(&mut recipe.start(&[], &broken), 2);
    go_on(&mut recipe.resume(&[], &broken), 1);
    go_on(&mut recipe.resume(&[], &broken), 2);
    finish(&mut recipe.resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    let rows = |folder: &Path| {
        let rows = read_metrics(folder.join("metrics.jsonl")).unwrap().into_iter();
        rows.map(|row| (row.epoch, row.train, row.test))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&whole), rows(&broken));

    let (_, train, test) = &rows(&whole)[0];
    let terms: Vec<_> = train.terms.keys().map(String::as_str).collect();
    assert_eq!(terms[..3], ["binary_cross_entropy", "kd", "review-kd"]);
    assert!(train.metrics.is_empty(), "a step tells nothing about a ranking");
    let measured: Vec<_> = test.as_ref().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(measured, ["map", "f1", "loss"]);
}

#[test]
fn what_a_run_writes_says_its_task_and_its_headline() {
    let place = tempfile::tempdir().unwrap();
    let [teacher, folder, out] = ["teacher", "run", "out"].map(|name| place.path().join(name));
    let recipe = taught(&teacher).method("kd", "");
    finish(&mut recipe.start(&[], &folder));
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert_eq!(
        (summary.task.as_str(), summary.metrics.headline.label.as_ref()),
        ("multi-label", "mAP")
    );
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    let of_epoch = |epoch: usize| rows[epoch - 1].test.as_ref().unwrap();
    let best = (1..=2)
        .max_by(|&a, &b| of_epoch(a)["map"].total_cmp(&of_epoch(b)["map"]))
        .unwrap();
    assert_eq!(summary.best.metrics["map"], of_epoch(best)["map"]);
    assert_eq!(&summary.last.metrics, of_epoch(2));
    assert!(summary.teachers[0].metrics.get("map").is_some());
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("mAP, last epoch") && !page.contains("op-1"));

    // The exported folder says how it is to be used, and measures what the run measured.
    export(&RunFolder::open(&folder).unwrap(), CheckpointChoice::Last, &out).unwrap();
    let config = fs::read_to_string(out.join("config.json")).unwrap();
    assert!(config.contains("\"task\": \"multi-label\""), "{config}");
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains("none, one or several of them"), "{card}");
    let found = measured(&out);
    assert_eq!(found.count, 40);
    let last = &summary.last.metrics;
    assert_eq!(
        (found.metrics["map"], found.metrics["f1"]),
        (last["map"], last["f1"])
    );
    assert!((found.metrics["loss"] - last["loss"]).abs() < 1e-9);
}

/// What an exported network finds on the test images of the task that its config.json names.
fn measured(folder: &Path) -> Evaluation {
    let source = Source {
        weights: Some(folder.into()),
        ..Source::default()
    };
    let network = source.open(&Device::flex(), Seed::new(0), "test").unwrap();
    assert_eq!(network.task, Some(TaskKind::MultiLabel));
    let data: Arc<dyn Dataset> = open_for(DATA, Split::Test, TargetKind::Classes).unwrap().into();
    let options = TaskOptions {
        classes: data.classes().to_vec(),
        ..TaskOptions::default()
    };
    let task = potstill_tasks::task(TaskKind::MultiLabel, options);
    let frozen = FrozenModel::from(&network.network);
    let (input, config) = (network.input.unwrap(), LoaderConfig::default());
    evaluate(
        task.as_ref(),
        &frozen,
        data,
        &Augment::none(),
        &input,
        config,
        &mut |_| (),
    )
    .unwrap()
}

#[test]
fn methods_that_need_one_class_of_each_image_are_refused_by_name() {
    let dense = "a class or a label map or boxes or instances";
    for (kind, needed, reason) in [
        ("ekd", "a class", "its heads are trained by cross-entropy"),
        (
            "letkd",
            "a class or a label map",
            "it clusters the teacher's features class by class",
        ),
        (
            "tst",
            dense,
            "its rounds look for images of which the student misses what is known",
        ),
    ] {
        let error = tiny().method(kind, "name = \"mine\"").plan(&[]).err().unwrap();
        let expected = format!("`mine` needs {needed} of each image ({reason}");
        assert!(
            error.contains(&expected) && error.contains("the task `multi-label`"),
            "{error}"
        );
    }
}

#[test]
fn a_teacher_of_another_task_is_no_teacher_for_probabilities() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("teacher");
    let single = [
        "task=classification",
        "data.train=shapes:size=32,train=96,test=40,classes=6",
    ];
    finish(&mut tiny().start(&[&single[..], &["train.epochs=1"]].concat(), &folder));
    let recipe = tiny().set(&format!("teacher={{ run = \"{}\" }}", folder.display()));
    let error = recipe.clone().method("kd", "").plan(&[]).err().unwrap();
    assert!(
        error.contains("`kd` compares probabilities, but the teacher was trained for `classification`"),
        "{error}"
    );
    // Its features may teach.
    assert!(recipe.method("review-kd", "").plan(&[]).is_ok());
}

#[test]
fn data_without_such_targets_is_refused() {
    let error = tiny_recipe()
        .set("data.train=shapes:size=32,train=96,test=40,figures=1-2")
        .plan(&[])
        .err()
        .unwrap();
    assert!(error.contains("have no one class"), "{error}");
}
