//! Few labels: the task learns from the labelled images alone, the methods from all of them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{path::Path, sync::Arc};

use potstill_data::{Augment, Dataset, PartlyLabelled, Split, Target, open_for};
use potstill_engine::{Plan, PlanParts, PlannedData, Run, RunFolder};
use potstill_report::{read_metrics, read_summary};
use potstill_tasks::{TaskKind, TaskOptions, task};
use potstill_testing::{
    numbers::assert_near,
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, goes_on_after_each, part},
};

fn segmenters() -> TestRecipe {
    tiny_recipe()
        .set("task=segmentation")
        .set("data.train=shapes:size=19,train=16,test=4,classes=3")
        .set("student.model=fcn_cifar_resnet8")
        .set("teacher.model=fcn_cifar_resnet14")
        .set("train.batch=8")
        .set("train.epochs=1")
}

/// The terms of the first epoch.
fn terms(recipe: &TestRecipe, changes: &[&str], folder: &Path) -> Vec<(String, f64)> {
    finish(&mut recipe.start(changes, folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0]
        .train
        .terms
        .iter()
        .map(|(name, value)| (name.clone(), *value))
        .collect()
}

fn term(terms: &[(String, f64)], name: &str) -> f64 {
    terms.iter().find(|(known, _)| known == name).unwrap().1
}

/// In one step from the same weights the means over two halves of a batch add up to twice the mean over all of it, and what compares the
/// networks does not ask for labels.
#[test]
fn the_loss_is_the_mean_over_the_labelled_images_and_the_method_sees_all() {
    let place = tempfile::tempdir().unwrap();
    let recipe = segmenters()
        .without("data.augment")
        .set("train.batch=16")
        .method("kd", "temperature = 1.0");
    let of = |name: &str, labelled: Option<&[usize]>| {
        let images = |split| -> Arc<dyn Dataset> {
            let source = "shapes:size=19,train=16,test=4,classes=3";
            let kind = task(TaskKind::Segmentation, TaskOptions::default()).target_kind();
            open_for(source, split, kind).unwrap().into()
        };
        let whole = images(Split::Train);
        let train: Arc<dyn Dataset> = match labelled {
            Some(labelled) => Arc::new(PartlyLabelled::of(whole, labelled).unwrap()),
            None => whole,
        };
        let mut parts = PlanParts::open(recipe.recipe(&[])).unwrap();
        parts.data = PlannedData::new(train, images(Split::Test), Augment::none()).unwrap();
        let folder = RunFolder::create(&place.path().join(name), false).unwrap();
        finish(&mut Run::start(Plan::from_parts(parts).unwrap(), folder).unwrap());
        let rows = read_metrics(place.path().join(name).join("metrics.jsonl")).unwrap();
        ["cross_entropy", "kd"].map(|term| rows[0].train.terms[term])
    };
    let first: Vec<usize> = (0..16).filter(|index| index % 4 < 2).collect();
    let second: Vec<usize> = (0..16).filter(|index| index % 4 >= 2).collect();
    let [all, kd] = of("all", None);
    let [one, kd_of_one] = of("first", Some(&first));
    let [other, kd_of_other] = of("second", Some(&second));
    assert!((one - other).abs() > 1e-4, "{one} and {other}");
    assert_near("both halves", &[0.5 * (one + other)], &[all], 1e-5);
    assert_near("kd", &[kd_of_one, kd_of_other], &[kd, kd], 1e-5);
}

#[test]
fn the_student_alone_is_the_student_of_few_samples() {
    let place = tempfile::tempdir().unwrap();
    let [labelled, few] = ["labelled", "few"].map(|name| place.path().join(name));
    let alone = |changes: &[&str], folder: &Path| {
        finish(&mut segmenters().start(&[&["methods=[]", "train.batch=4"], changes].concat(), folder));
        part(&checkpoint(folder), "student")
    };
    let with_labels = alone(&["data.labelled=0.5", "data.labelled_seed=3"], &labelled);
    assert!(with_labels == alone(&["data.few_samples=0.5", "data.few_samples_seed=3"], &few));
    let images = read_summary(labelled.join("summary.json")).unwrap().data;
    assert_eq!((images.train_images, images.labelled_images), (8, None));
}

#[test]
fn a_plan_and_a_run_tell_how_many_images_have_labels() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let recipe = segmenters().set("data.labelled=0.25").method("cwd", "");
    let plan = recipe.plan(&[]).unwrap();
    assert_eq!(
        plan.spec.images().counts(),
        "16 training (4 with labels) and 4 test images"
    );
    let known = |plan: &Plan| -> Vec<usize> {
        let train = &plan.spec.data.train;
        let has_label = |index: &usize| train.target(*index).unwrap() != Target::None;
        (0..train.len()).filter(has_label).collect()
    };
    let quarter = known(&plan);
    let half = known(&recipe.plan(&["data.labelled=0.5"]).unwrap());
    assert!(quarter.iter().all(|index| half.contains(index)) && half.len() == 8);
    assert_ne!(quarter, known(&recipe.plan(&["data.labelled_seed=1"]).unwrap()));
    let found = terms(&recipe, &[], &folder);
    assert!(
        term(&found, "cross_entropy") > 0.0 && term(&found, "cwd") > 0.0,
        "{found:?}"
    );
    let images = read_summary(folder.join("summary.json")).unwrap().data;
    assert_eq!((images.train_images, images.labelled_images), (16, Some(4)));
    assert!(
        recipe
            .plan(&["data.labelled=1.0"])
            .unwrap()
            .spec
            .data
            .labelled
            .is_none()
    );
}

#[test]
fn a_run_with_few_labels_goes_on_to_the_same_bits() {
    let recipe = tiny_recipe()
        .set("data.labelled=0.25")
        .set("train.epochs=3")
        .method("kd", "");
    goes_on_after_each(&recipe, &[], 1..=2);
}

/// The accuracy is that of the labelled images: without a label it would be counted as if none were right.
#[test]
fn accuracy_in_training_is_of_the_labelled_images() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let recipe = tiny_recipe()
        .set("data.train=shapes:size=16,train=48,test=8,classes=2")
        .set("data.labelled=0.05")
        .set("train.batch=8")
        .set("train.epochs=12")
        .method("kd", "weight = 0.0");
    finish(&mut recipe.start(&[], &folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    let last = &rows.last().unwrap().train;
    // Two images, seen over and over.
    assert!(last.metrics["top1"] > 60.0, "{:?}", last.metrics);
    assert!(last.terms["cross_entropy"].is_finite());
}

#[test]
fn detectors_learn_the_objects_of_the_labelled_images() {
    let place = tempfile::tempdir().unwrap();
    let detectors = |task: &str, student: &str, teacher: &str| {
        tiny_recipe()
            .set(&format!("task={task}"))
            .set("data.train=shapes:size=32,train=4,test=2,classes=3")
            .set("data.labelled=0.5")
            .set(&format!("student.model={student}"))
            .set(&format!("teacher.model={teacher}"))
            .set("train.batch=4")
            .set("train.epochs=1")
            .set("train.optimizer.lr=0.001")
            .method("kd", "temperature = 1.0")
    };
    let one_stage = detectors("detection", "fcos_cifar_resnet8", "fcos_cifar_resnet20");
    let two_stage = detectors(
        "instance-segmentation",
        "maskrcnn_cifar_resnet8",
        "maskrcnn_cifar_resnet20",
    );
    for (name, recipe, own) in [("one", one_stage, "classes"), ("two", two_stage, "masks")] {
        let found = terms(&recipe, &[], &place.path().join(name));
        assert!(term(&found, "kd") > 0.0, "{found:?}");
        assert!(term(&found, own).is_finite(), "{found:?}");
        let said = recipe.clone().method("fgd", "").plan(&[]).err().unwrap();
        assert!(said.contains("of the 4 training images have one"), "{said}");
    }
}

/// Of two batches one has no label: its images still teach.
#[test]
fn a_two_stage_detector_is_taught_by_a_batch_without_labels() {
    let place = tempfile::tempdir().unwrap();
    let recipe = tiny_recipe()
        .set("task=instance-segmentation")
        .set("data.train=shapes:size=32,train=4,test=2,classes=3")
        .set("data.labelled=0.25")
        .set("student.model=maskrcnn_cifar_resnet8")
        .set("teacher.model=maskrcnn_cifar_resnet20")
        .set("train.batch=2")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.001")
        .method("kd", "temperature = 1.0");
    let found = terms(&recipe, &[], &place.path().join("run"));
    assert!(
        term(&found, "kd") > 0.0 && term(&found, "masks").is_finite(),
        "{found:?}"
    );
}

#[test]
fn what_needs_the_label_of_every_image_is_refused() {
    let recipe = segmenters().set("data.labelled=0.5");
    let said = recipe.clone().method("dkd", "").plan(&[]).err().unwrap();
    assert!(
        said.starts_with("`dkd` needs the label of every image (")
            && said.contains("8 of the 16 training images have one: take the method out"),
        "{said}"
    );
    let said = segmenters().set("data.labelled_seed=1").plan(&[]).err().unwrap();
    assert!(said.contains("does nothing without it"), "{said}");
}
