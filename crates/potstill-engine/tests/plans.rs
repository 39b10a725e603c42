//! A plan finds what is wrong before the first step, and says it so that it can be mended.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::collections::BTreeMap;

use burn::tensor::Device;
use potstill_engine::Plan;
use potstill_models::{BuildOptions, find, weights::save};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_testing::recipe::tiny_recipe;

fn plan(overrides: &[&str]) -> Result<Plan, String> {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=64,test=20")
        .set("train.batch=16")
        .method("review-kd", "")
        .plan(overrides)
}

#[test]
fn shapes_are_inferred_and_parameters_counted() {
    let plan = plan(&[
        "data.train=shapes:size=32,train=64,test=20",
        "student.model=cifar_resnet20",
        "teacher.model=cifar_resnet56",
    ])
    .unwrap();
    assert_eq!(plan.spec.data.image, [32, 32, 3]);
    assert_eq!(
        plan.spec.student.info.probe.macs,
        40_551_040 + 64 * (plan.spec.data.train.classes().len() as u64 - 10)
    );
    assert_eq!(
        (plan.spec.methods[0].id.as_str(), plan.spec.methods[0].parameters),
        ("review-kd", 114_278)
    );
    let reads = &plan.reads()[0];
    let names = |points: &[potstill_ops::Point]| points.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        names(&reads.student),
        ["layer1.2", "layer2.2", "layer3.2", "pool"]
    );
    assert_eq!(
        names(&reads.teacher),
        ["layer1.8:pre", "layer2.8:pre", "layer3.8:pre", "pool"]
    );
}

#[test]
fn mistakes_are_found_before_the_first_step() {
    let cases: [(&[&str], &[&str]); 9] = [
        (
            &["student.model=cifar_resnet21"],
            &["cifar_resnet21", "did you mean `cifar_resnet2"],
        ),
        (
            &["methods.0.kind=reviewkd"],
            &["reviewkd", "did you mean `review-kd`?"],
        ),
        (
            &["methods.0.kind=review-kd", "methods.0.ramp=3"],
            &["ramp", "ramp_epochs"],
        ),
        (&["student.weights=no/such.pth"], &["no/such.pth"]),
        (
            &["teacher.model=cifar_resnet8x4", "teacher.shortcut=a"],
            &["cifar_resnet8x4", "shortcut"],
        ),
        (&["train.batch=100"], &["64 training images", "batch of 100"]),
        (
            &["train.batch=21", "train.drop_last=false"],
            &["one image", "drop_last"],
        ),
        (
            &["student.input={ mean = [0.5], std = [0.2] }"],
            &["student", "1 values", "3 channels"],
        ),
        (&["data.train=shaps"], &["shaps", "shapes"]),
    ];
    for (overrides, expected) in cases {
        let message = plan(overrides)
            .err()
            .unwrap_or_else(|| panic!("{overrides:?} was accepted"));
        for part in expected {
            assert!(
                message.contains(part),
                "{overrides:?}: `{part}` is not in: {message}"
            );
        }
    }
}

#[test]
fn a_teacher_of_other_classes_serves_features_but_not_logits() {
    let place = tempfile::tempdir().unwrap();
    let weights = place.path().join("ten.safetensors");
    let scope = Scope::new(&Device::flex(), Seed::new(0), "teacher");
    let options = BuildOptions {
        classes: Some(10),
        ..BuildOptions::default()
    };
    let ten = find("cifar_resnet14").unwrap().build(options, &scope).unwrap();
    save(&ten, &BTreeMap::new(), &weights).unwrap();
    let twelve = "data.train=shapes:size=16,train=64,test=24,classes=12";
    let weights = format!("teacher.weights={}", weights.display());
    assert!(plan(&[twelve, &weights]).is_ok());
    let message = plan(&[twelve, &weights, "methods.0.kind=kd"]).err().unwrap();
    assert!(
        message.contains("10 classes") && message.contains("12"),
        "{message}"
    );
    // A fresh teacher has the task's.
    assert!(plan(&[twelve, "methods.0.kind=kd"]).is_ok());
}
