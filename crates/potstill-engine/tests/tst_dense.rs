//! TST on dense tasks: the augmentation learns from the task's own losses, usual and inverted, on targets that move with their images.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on, part},
};

fn recipe(task: &str, [student, teacher]: [&str; 2], size: usize) -> TestRecipe {
    tiny_recipe()
        .set(&format!("task={task}"))
        .set(&format!("data.train=shapes:size={size},train=8,test=2,classes=3"))
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={student}"))
        .set(&format!("teacher.model={teacher}"))
        .set("train.batch=4")
        .set("train.epochs=2")
        .set("train.optimizer.lr=0.001")
        .method("tst", "rounds = [1]\npictures = 2")
}

/// A whole run equals one that is stopped in an epoch and in the round; the terms of the round are these.
fn learns(recipe: &TestRecipe, terms: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut recipe.start(&[], &whole));
    let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
    let round = rows.iter().find(|row| {
        row.train
            .terms
            .keys()
            .any(|name| name.starts_with("student_inverted_"))
    });
    let round = round.unwrap_or_else(|| panic!("there is no round in {rows:?}"));
    for term in terms {
        for side in ["teacher", "student_inverted"] {
            let value = round.train.terms[&format!("{side}_{term}")];
            assert!(value.is_finite(), "{side}_{term} is {value}");
        }
    }
    let last = checkpoint(&whole);
    let strengths = part(&last, "tst.augmentation");
    assert!(
        strengths
            .values()
            .flatten()
            .any(|&bits| f32::from_bits(bits) != 0.0),
        "the augmentation has learned nothing"
    );
    let pictures = std::fs::read_dir(whole.join("pictures")).unwrap();
    let names = pictures.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().any(|name| name.starts_with("tst-before-epoch")));
    go_on(&mut recipe.start(&[], &broken), 1);
    go_on(&mut recipe.resume(&[], &broken), 2);
    finish(&mut recipe.resume(&[], &broken));
    assert!(last == checkpoint(&broken), "a stopped run went on otherwise");
}

#[test]
fn segmenters_of_images_of_odd_size() {
    let networks = ["fcn_cifar_resnet8", "fcn_cifar_resnet14"];
    learns(&recipe("segmentation", networks, 19), &["cross_entropy"]);
}

#[test]
fn one_stage_detectors() {
    let networks = ["fcos_cifar_resnet8", "fcos_cifar_resnet20"];
    learns(
        &recipe("detection", networks, 32),
        &["classes", "boxes", "centerness"],
    );
}

#[test]
fn two_stage_detectors_with_outlines() {
    let networks = ["maskrcnn_cifar_resnet8", "maskrcnn_cifar_resnet20"];
    let terms = ["objectness", "rpn_boxes", "classes", "boxes"];
    learns(&recipe("instance-segmentation", networks, 32), &terms);
}
