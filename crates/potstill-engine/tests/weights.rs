//! Weights in recipes: one of several networks of a file, all but the head, and a teacher that has none.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use burn::tensor::{Device, Tensor};
use potstill_engine::{Observer, Run, Source};
use potstill_models::{
    BuildOptions, Model, Shortcut, find,
    weights::{TensorFile, save, write_tensors},
};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_testing::recipe::{TestRecipe, tiny_recipe};

fn fresh(model: &str, classes: usize, shortcut: Option<Shortcut>) -> Model {
    let options = BuildOptions {
        classes: Some(classes),
        shortcut,
        ..BuildOptions::default()
    };
    let scope = Scope::new(&Device::flex(), Seed::new(9), "stored");
    find(model).unwrap().build(options, &scope).unwrap()
}

/// The network in a file.
fn stored(folder: &Path, network: &Model) -> PathBuf {
    let path = folder.join("stored.safetensors");
    save(network, &BTreeMap::new(), &path).unwrap();
    path
}

fn weights(network: &Model, name: &str) -> Vec<f32> {
    let mut found = Vec::new();
    network.parameters().each(&mut |entry, tensor| {
        if entry.path == name {
            found = tensor.into_data().try_to_vec::<f32>().unwrap();
        }
    });
    found
}

/// What a run says before its first epoch ends.
struct Said(Vec<String>);

impl Observer for Said {
    fn says(&mut self, line: &str) {
        self.0.push(line.into());
    }
}

fn student(path: &Path) -> TestRecipe {
    tiny_recipe().set(&format!("student.weights={}", path.display()))
}

#[test]
fn all_but_the_head_starts_a_student_of_other_classes_and_that_is_said() {
    let place = tempfile::tempdir().unwrap();
    let ten = fresh("cifar_resnet8", 10, None);
    let recipe = student(&stored(place.path(), &ten));
    let refused = recipe.plan(&[]).err().unwrap();
    for part in [
        "only the classifier differs",
        "`student.head = \"new\"`",
        "[10, 64] in the file, [6, 64]",
    ] {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
    let plan = recipe.plan(&["student.head=new"]).unwrap();
    let student = plan.student();
    assert_eq!(student.classes(), 6);
    assert_eq!(
        weights(student, "layer1.0.conv1.weight"),
        weights(&ten, "layer1.0.conv1.weight")
    );
    // Drawn as that of a student without a file.
    let alone = tiny_recipe().plan(&[]).unwrap();
    assert_eq!(
        weights(student, "linear.weight"),
        weights(alone.student(), "linear.weight")
    );
    let notes = plan.spec.notes();
    assert_eq!(
        notes,
        ["the student's head starts anew; left out of the file: linear.bias, linear.weight"]
    );
    let mut said = Said(Vec::new());
    let stop = AtomicBool::new(true);
    Run::in_memory(plan).unwrap().go(&mut said, &stop).unwrap();
    assert!(said.0.contains(&notes[0]), "{:?}", said.0);
}

#[test]
fn one_of_several_networks_is_named_in_the_recipe() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("both.safetensors");
    let mut tensors = Vec::new();
    for (prefix, value) in [("student.", 1.0), ("teacher.", 2.0)] {
        fresh("cifar_resnet8", 6, None)
            .parameters()
            .each(&mut |entry, tensor| {
                let filled = Tensor::<1>::full(tensor.dims(), value, &Device::flex());
                tensors.push((format!("{prefix}{}", entry.path), entry.shape.clone(), filled));
            });
    }
    write_tensors(tensors, &BTreeMap::new(), &path).unwrap();
    let refused = student(&path).plan(&[]).err().unwrap();
    for part in [
        "student: 37 tensors",
        "teacher: 37 tensors",
        "`student.weights = { file = ",
        "prefix = \"teacher\" }`",
    ] {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
    for (prefix, value) in [("student", 1.0), ("teacher", 2.0)] {
        let table = format!(
            "student.weights={{ file = '{}', prefix = \"{prefix}\" }}",
            path.display()
        );
        let plan = tiny_recipe().plan(&[&table]).unwrap();
        assert_eq!(weights(plan.student(), "conv1.weight")[0], value);
    }
}

#[test]
fn a_teacher_that_stays_as_it_is_needs_weights() {
    let recipe = tiny_recipe().without("teacher.weights");
    for method in ["kd", "review-kd"] {
        let refused = recipe.clone().method(method, "").plan(&[]).err().unwrap();
        for part in [
            "`teacher.weights`: none are given, and `cifar_resnet14` stays as it is",
            "`teacher.weights = \"FILE\"`",
            "`teacher = { run = \"runs/NAME\" }`",
            "`teacher.weights = \"random\"`",
        ] {
            assert!(refused.contains(part), "`{part}` is not in: {refused}");
        }
        let meant = recipe
            .clone()
            .method(method, "")
            .plan(&["teacher.weights=random"]);
        assert!(meant.is_ok(), "{:?}", meant.err());
    }
    // It trains beside the student, from the same start with and without the word.
    let grown = |changes: &[&str]| {
        recipe
            .clone()
            .method("ekd", "")
            .plan(changes)
            .map(|plan| plan.spec.teachers.len())
    };
    assert_eq!(grown(&[]), Ok(1));
    assert_eq!(grown(&["teacher.weights=random"]), Ok(1));
    // Nobody learns from it.
    assert!(recipe.plan(&[]).is_ok());
}

#[test]
fn what_the_file_says_need_not_be_asked() {
    let place = tempfile::tempdir().unwrap();
    let projecting = fresh("cifar_resnet8", 7, Some(Shortcut::Projection));
    let path = stored(place.path(), &projecting);
    let source = Source {
        model: Some("cifar_resnet8".into()),
        weights: Some(path.clone()),
        ..Source::default()
    };
    let opened = source.open(&Device::flex(), Seed::new(0), "eval").unwrap();
    assert_eq!(
        (opened.network.classes(), opened.shortcut),
        (7, Some(Shortcut::Projection))
    );
    let names = TensorFile::read(&path).unwrap().tensors;
    assert_eq!(opened.network.parameters().entries().len(), names.len());

    let seven = "data.train=shapes:size=16,train=96,test=40,classes=7";
    assert!(student(&path).plan(&[seven]).is_ok());
    let refused = student(&path).plan(&[seven, "student.shortcut=a"]).err().unwrap();
    for part in [
        "`student.shortcut = \"a\"` was asked for",
        "projections (\"b\")",
        "`student.shortcut = \"b\"`",
    ] {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
}
