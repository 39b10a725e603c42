//! TSKD on detectors and segmenters, in whole runs: reviews between steps, memory in the checkpoints, teachers that rest.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_methods::{Moment, StudentEpoch, TeacherLook};
use potstill_report::{EpochRow, read_metrics};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, part},
};

/// Two epochs of six steps: with virtual epochs of one step, memory at steps 0, 1, 2 of each four, and reviews at 3, 7 and 11.
fn detectors(task: &str, kind: &str) -> TestRecipe {
    tiny_recipe()
        .set(&format!("task={task}"))
        .set("data.train=shapes:size=32,train=12,test=2,classes=3")
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={kind}_cifar_resnet8"))
        .set(&format!("teacher.model={kind}_cifar_resnet20"))
        .set("train.batch=2")
        .set("train.epochs=2")
        .set("train.optimizer.lr=0.001")
}

fn one_stage() -> TestRecipe {
    detectors("detection", "fcos")
}

const OPTIONS: &str = "hidden = [4, 4, 4]\nfeatures = 2";

fn rows(folder: &Path) -> Vec<EpochRow> {
    read_metrics(folder.join("metrics.jsonl")).unwrap()
}

#[test]
fn detectors_review_between_steps_and_learn_from_it() {
    let place = tempfile::tempdir().unwrap();
    let [alone, taught, idle] = ["alone", "taught", "idle"].map(|name| place.path().join(name));
    finish(&mut one_stage().start(&["methods=[]"], &alone));
    finish(&mut one_stage().method("tskd", OPTIONS).start(&[], &taught));
    let idle_options = format!("{OPTIONS}\nreview_weight = 0");
    finish(&mut one_stage().method("tskd", &idle_options).start(&[], &idle));
    for folder in [&taught, &idle] {
        for row in rows(folder) {
            let value = row.train.terms["tskd-review"];
            assert!(value.is_finite() && value > 0.0, "{value}");
            assert!(
                !row.train.terms.contains_key("tskd-kl"),
                "scores are not compared"
            );
        }
    }
    let student = |folder| part(&checkpoint(folder), "student");
    assert!(
        student(&alone) != student(&taught),
        "it learned nothing from the reviews"
    );
    assert!(
        student(&alone) == student(&idle),
        "a review without weight moved the student"
    );
    let kept = checkpoint(&taught);
    let last: Vec<_> = (1..=3)
        .map(|slot| part(&kept, &format!("tskd.memory{slot}")))
        .collect();
    // Steps 8, 9 and 10; the review at step 11 is the last.
    assert!(last.iter().all(|copy| copy.keys().eq(student(&taught).keys())));
    assert!(last[0] != last[1] && last[1] != last[2] && last[2] != student(&taught));
    let exported = bits(&taught.join("student/model.safetensors"));
    assert!(
        exported.keys().eq(student(&taught).keys()),
        "the deployed student is the plain one"
    );
}

#[test]
fn a_run_that_was_interrupted_in_any_virtual_epoch_ends_with_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let recipe = one_stage().method("tskd", &format!("{OPTIONS}\ndecay_between_reviews = true"));
    finish(&mut recipe.start(&[], &whole));
    go_on(&mut recipe.start(&[], &broken), 2);
    for steps in [3, 4] {
        go_on(&mut recipe.resume(&[], &broken), steps);
    }
    finish(&mut recipe.resume(&[], &broken));
    for file in ["last.safetensors", "student/model.safetensors"] {
        let [a, b] = [&whole, &broken].map(|folder| bits(&folder.join(file)));
        assert!(a == b, "{file} differs");
    }
    let terms = |folder| rows(folder).remove(1).train.terms;
    assert_eq!(terms(&whole), terms(&broken));
}

#[test]
fn instance_segmenters_review_their_pyramids() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let recipe = detectors("instance-segmentation", "maskrcnn").set("train.epochs=1");
    finish(&mut recipe.method("tskd", OPTIONS).start(&[], &folder));
    let value = rows(&folder)[0].train.terms["tskd-review"];
    assert!(value.is_finite() && value > 0.0, "{value}");
}

#[test]
fn segmenters_compare_pixels_in_every_step_and_review_odd_maps() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let recipe = tiny_recipe()
        .set("task=segmentation")
        .set("data.train=shapes:size=19,train=16,test=4,classes=3")
        .set("data.augment=[\"flip\"]")
        .set("student.model=fcn_cifar_resnet8")
        .set("teacher.model=fcn_cifar_resnet14")
        .set("train.batch=4")
        .set("train.epochs=1");
    let pixels = recipe
        .clone()
        .method("kd", "temperature = 1.0\nname = \"tskd-kl\"");
    finish(&mut recipe.method("tskd", OPTIONS).start(&[], &folder));
    let found = rows(&folder)[0].train.terms.clone();
    assert!(found["tskd-review"] > 0.0 && found["tskd-kl"] > 0.0, "{found:?}");
    // Pixel distillation at temperature 1 and weight 1, the review being in the last step only.
    let kd = place.path().join("kd");
    finish(&mut pixels.start(&[], &kd));
    assert_eq!(rows(&kd)[0].train.terms["tskd-kl"], found["tskd-kl"]);
}

#[test]
fn a_detectors_teacher_looks_at_images_of_reviews_only() {
    let plan = one_stage().method("tskd", OPTIONS).plan(&[]).unwrap();
    let method = &plan.methods()[0].method;
    let at = |step: usize| Moment {
        epoch: StudentEpoch(step / 6),
        step: step % 6,
    };
    // Nothing is remembered yet, so the teacher is not asked even then.
    assert!((0..12).all(|step| method.teacher_at(at(step)) == TeacherLook::Nothing));
    let reading = |step: usize| method.reads_at(at(step)).teacher.len();
    assert_eq!((0..8).map(reading).collect::<Vec<_>>(), [0, 0, 0, 3, 0, 0, 0, 3]);
    let points: Vec<_> = method.reads(StudentEpoch(1)).student;
    let points: Vec<_> = points.iter().map(ToString::to_string).collect();
    assert_eq!(
        points,
        ["layer_blocks.0", "layer_blocks.1", "extra_blocks.p6"].map(|level| format!("backbone.fpn.{level}"))
    );
    let compared = one_stage().method("tskd", &format!("{OPTIONS}\nkl_weight = 1.0"));
    assert_eq!(
        compared.plan(&[]).unwrap().methods()[0].method.teacher_at(at(0)),
        TeacherLook::Outputs
    );
}

#[test]
fn steps_without_a_label_and_without_a_review_have_no_loss_and_go_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let recipe = one_stage().set("data.labelled=0.25").method("tskd", OPTIONS);
    finish(&mut recipe.start(&[], &folder));
    for row in rows(&folder) {
        let [review, own] = ["tskd-review", "classes"].map(|term| row.train.terms[term]);
        assert!(review.is_finite() && review > 0.0, "{review}");
        assert!(own.is_finite() && own > 0.0, "{own}");
    }
}

#[test]
fn what_a_dense_review_cannot_do_is_refused_with_the_reason() {
    let refused = |options: &str, words: &[&str]| {
        let message = one_stage().method("tskd", options).plan(&[]).err().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused("peepholes = true", &["peepholes", "one size"]);
    refused(
        "virtual_epoch_steps = 4",
        &[
            "virtual epoch 4",
            "trains for 3",
            "smaller `interval` or `virtual_epoch_steps`",
        ],
    );
    refused("virtual_epoch_steps = 0", &["virtual_epoch_steps", "at least 1"]);
    refused("interval = 4", &["virtual epoch 13", "trains for 12"]);
}
