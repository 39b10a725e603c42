//! letKD on detectors and segmenters, in whole runs: the offline pass over images with many places, the losses, the deployed layers.
//!
//! What is prepared is kept in a cache that the environment names, so each test runs its body in a process of its own.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_engine::{Source, cpu};
use potstill_random::Seed;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, with_cache},
};

fn networks(task: &str, kind: &str) -> TestRecipe {
    tiny_recipe()
        .set(&format!("task={task}"))
        .set("data.train=shapes:size=32,train=6,test=2,classes=3")
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={kind}_cifar_resnet8"))
        .set(&format!("teacher.model={kind}_cifar_resnet20"))
        .set("train.batch=3")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.001")
}

const OPTIONS: &str = "templates = 8\niterations = 2";

fn term(folder: &Path, name: &str) -> Option<f64> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0].train.terms.get(name).copied()
}

#[test]
fn a_detector_keeps_its_layer_behind_a_level_of_the_pyramid() {
    with_cache(
        module_path!(),
        "a_detector_keeps_its_layer_behind_a_level_of_the_pyramid",
        |place| {
            let folder = place.join("run");
            let recipe = networks("detection", "fcos").method("letkd", OPTIONS);
            let plan = recipe.plan(&[]).unwrap();
            let [layer] = &plan.methods()[0].method.info().insertions[..] else {
                panic!("one layer")
            };
            assert_eq!(layer.point.to_string(), "backbone.fpn.layer_blocks.1");
            finish(&mut recipe.start(&[], &folder));
            let value = term(&folder, "letkd.penultimate").unwrap();
            assert!(value.is_finite() && value > 0.0, "{value}");
            assert_eq!(term(&folder, "letkd.intermediate"), None);
            let exported = bits(&folder.join("student/model.safetensors"));
            assert!(exported.keys().any(|name| name.starts_with("letkd.penultimate.")));
            let source = Source {
                weights: Some(folder.clone()),
                ..Source::default()
            };
            let opened = source.open(&cpu(), Seed::new(9), "test").unwrap();
            assert_eq!(opened.network.insertions().len(), 1);
        },
    );
}

#[test]
fn a_segmenters_teacher_decides_by_the_label_of_each_pixel() {
    with_cache(
        module_path!(),
        "a_segmenters_teacher_decides_by_the_label_of_each_pixel",
        |place| {
            let [whole, broken] = ["whole", "broken"].map(|name| place.join(name));
            let options = format!("{OPTIONS}\nsub_classes = 2\ncomponents = 2");
            let recipe = networks("segmentation", "fcn")
                .set("data.train=shapes:size=19,train=6,test=2,classes=3")
                .method("letkd", &options);
            finish(&mut recipe.start(&[], &whole));
            for name in ["letkd.penultimate", "letkd.intermediate"] {
                let value = term(&whole, name).unwrap();
                assert!(value.is_finite() && value > 0.0, "{name} is {value}");
            }
            let plan = recipe.plan(&[]).unwrap();
            let points: Vec<_> = plan.methods()[0].method.info().insertions;
            let points: Vec<_> = points.iter().map(|layer| layer.point.to_string()).collect();
            assert_eq!(points, ["backbone.layer3.0", "classifier.2"]);
            go_on(&mut recipe.start(&[], &broken), 1);
            finish(&mut recipe.resume(&[], &broken));
            assert!(checkpoint(&whole) == checkpoint(&broken));
        },
    );
}

#[test]
fn decisions_of_detectors_are_refused_with_the_reason() {
    let refused = |recipe: TestRecipe| recipe.plan(&[]).err().unwrap();
    for (task, kind) in [("detection", "fcos"), ("instance-segmentation", "maskrcnn")] {
        let message = refused(networks(task, kind).method("letkd", "variant = 2"));
        assert!(
            message.contains("variant") && message.contains(task) && message.contains("take 1"),
            "{message}"
        );
    }
    // Centres need no labels, decisions do.
    let several = tiny_recipe().set("task=multi-label");
    assert!(several.clone().method("letkd", "variant = 1").plan(&[]).is_ok());
    let message = refused(several.method("letkd", ""));
    assert!(
        message.contains("`letkd` needs a class or a label map"),
        "{message}"
    );
}
