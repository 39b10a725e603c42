//! Methods that read the last classifiers, in whole runs: they move the student's, never the teacher's, and go on to the same bits; of ONNX files
//! as well.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use burn::tensor::Tensor;
use potstill_engine::{CheckpointChoice, OnnxSettings, RunFolder, Source, cpu, export, export_onnx};
use potstill_models::{BuildOptions, Model, find};
use potstill_ops::{Frozen, Scope};
use potstill_random::Seed;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, part},
};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn all(recipe: TestRecipe) -> TestRecipe {
    recipe
        .method("sdd", "weight = 0.9\nscales = [1, 2]")
        .method("cat-kd", "weight = 0.7")
        .method("srrl", "weight = 1.0")
}

#[test]
fn a_run_goes_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let recipe = all(tiny_recipe());
    finish(&mut recipe.start(&[], &whole));
    go_on(&mut recipe.start(&[], &broken), 2);
    go_on(&mut recipe.resume(&[], &broken), 2);
    finish(&mut recipe.resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
    for term in ["sdd", "cat-kd", "srrl"] {
        let value = rows[0].train.terms[term];
        assert!(value.is_finite() && value > 0.0, "{term} is {value}");
    }
    let modules = part(&checkpoint(&whole), "srrl");
    assert!(
        modules.contains_key("connector.conv.weight"),
        "{:?}",
        modules.keys()
    );
}

#[test]
fn class_maps_move_the_students_classifier() {
    let place = tempfile::tempdir().unwrap();
    // Without the task's loss nothing else reaches it; SRRL stops before it.
    let moved = |kind: &str| {
        let folder = place.path().join(kind);
        let recipe = tiny_recipe()
            .set("train.task_weight=0.0")
            .set("train.optimizer.weight_decay=0.0")
            .method(kind, "");
        go_on(&mut recipe.start(&[], &folder), 1);
        let first = part(&checkpoint(&folder), "student")["linear.weight"].clone();
        go_on(&mut recipe.resume(&[], &folder), 1);
        part(&checkpoint(&folder), "student")["linear.weight"] != first
    };
    assert_eq!(["cat-kd", "sdd", "srrl"].map(moved), [true, true, false]);
}

#[test]
fn classifiers_of_files_are_read_by_their_graphs() {
    let place = tempfile::tempdir().unwrap();
    let recipe = all(tiny_recipe())
        .set("data.train=shapes:size=16,train=32,test=8,classes=5")
        .set("train.epochs=1")
        .set("train.batch=16")
        .set(&format!(
            "student={{ onnx = \"{FILES}/potstill-models/tests/reference/onnx_student/residual.onnx\" }}"
        ))
        .set(&format!(
            "teacher={{ onnx = \"{FILES}/potstill-models/tests/reference/onnx_student/inverted.onnx\" }}"
        ));
    let folder = place.path().join("run");
    finish(&mut recipe.start(&[], &folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    assert!(rows[0].train.terms.keys().any(|term| term == "cat-kd"));
    let refused = recipe.plan(&[&format!(
        "student.onnx=\"{FILES}/potstill-models/tests/reference/onnx_student/tokens.onnx\""
    )]);
    let refused = refused.err().unwrap();
    assert!(refused.contains("classifier of the student"), "{refused}");
}

/// SimKD with a teacher that is wider than the student.
fn simkd() -> TestRecipe {
    tiny_recipe()
        .set("train.task_weight=0.0")
        .set("teacher.model=cifar_wrn_16_2")
        .method("simkd", "factor = 4")
}

fn numbers(bits: &[u32]) -> Vec<f32> {
    bits.iter().map(|bits| f32::from_bits(*bits)).collect()
}

#[test]
fn a_student_keeps_the_projector_and_the_teachers_classifier() {
    let plan = simkd().plan(&[]).unwrap();
    let notes = plan.spec.notes().join("\n");
    // 64 to 128 channels by way of 32, and six classes.
    let (projector, head) = (64 * 32 + 9 * 32 * 32 + 32 * 128 + 2 * (32 + 32 + 128), 6 * 129);
    assert!(
        notes.contains(&format!("{projector} parameters")) && notes.contains(&format!("{head} parameters")),
        "{notes}"
    );
    let alone = simkd().plan(&["methods=[]", "train.task_weight=1.0"]).unwrap();
    let alone = alone.spec.student.info.probe.parameters;
    assert_eq!(
        plan.spec.student.info.probe.parameters,
        alone - 6 * 65 + projector + head
    );

    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut simkd().start(&[], &whole));
    go_on(&mut simkd().start(&[], &broken), 2);
    let early = part(&checkpoint(&broken), "student");
    finish(&mut simkd().resume(&[], &broken));
    let student = part(&checkpoint(&whole), "student");
    assert!(checkpoint(&whole) == checkpoint(&broken));
    assert!(student["simkd.transfer.0.weight"] != early["simkd.transfer.0.weight"]);
    let options = BuildOptions {
        classes: Some(6),
        ..BuildOptions::default()
    };
    let scope = Scope::new(&cpu(), Seed::new(5), "teacher");
    let teacher = find("cifar_wrn_16_2").unwrap().build(options, &scope).unwrap();
    let weight: Vec<f32> = teacher.linear_head().unwrap().weight.into_data().iter().collect();
    assert!(
        numbers(&student["linear.weight"]) == weight,
        "the teacher's classifier moved"
    );
    let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
    assert!(rows[1].train.terms["simkd"] < rows[0].train.terms["simkd"]);
}

#[test]
fn the_deployed_student_ends_with_the_teachers_classifier() {
    let place = tempfile::tempdir().unwrap();
    let [folder, exported] = ["run", "exported"].map(|name| place.path().join(name));
    finish(&mut simkd().start(&["train.epochs=1"], &folder));
    let run = RunFolder::open(&folder).unwrap();
    export(&run, CheckpointChoice::Last, &exported).unwrap();
    // Proven on test images as it is written.
    let file = place.path().join("onnx/student.onnx");
    export_onnx(&run, CheckpointChoice::Last, &file, &OnnxSettings::default()).unwrap();
    let images = Tensor::<4>::ones([2, 16, 16, 3], &cpu()) * 0.3;
    let logits = |weights: &Path| -> Vec<f32> {
        let source = Source {
            weights: Some(weights.to_owned()),
            ..Source::default()
        };
        let opened = source.open(&cpu(), Seed::new(1), "test").unwrap();
        assert_eq!(opened.network.insertions().len(), 1);
        let logits = Model::logits(&Frozen::new(&opened.network), images.clone()).unwrap();
        logits.into_data().iter().collect()
    };
    let said = [&folder, &exported].map(|weights| logits(weights));
    assert_eq!(said[0], said[1]);
    let deployed = bits(&exported.join("model.safetensors"));
    let kept = part(&checkpoint(&folder), "student");
    assert!(deployed["linear.weight"] == kept["linear.weight"]);
    assert!(deployed.contains_key("simkd.transfer.7.running_var"));
    // It teaches like any other.
    let teacher = format!("teacher={{ run = \"{}\" }}", folder.display());
    finish(&mut simkd().start(&[&teacher, "train.epochs=1"], &place.path().join("next")));
}

#[test]
fn classifiers_that_cannot_be_taken_are_refused() {
    let twice = simkd()
        .method("simkd", "name = \"again\"")
        .plan(&[])
        .err()
        .unwrap();
    assert!(twice.contains("`simkd` and `again`"), "{twice}");
    let moving = simkd()
        .method("ekd", "update_order = \"simultaneous\"")
        .plan(&[])
        .err()
        .unwrap();
    assert!(moving.contains("another method trains it"), "{moving}");
}
