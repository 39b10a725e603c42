//! A teacher in an ONNX file: logits and features by tensor name, and everything that may not fit.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::sync::atomic::AtomicBool;

use potstill_engine::{EngineError, NoObserver, Outcome, Plan, Run, RunFolder};
use potstill_models::{TrainGraph, weights::TensorFile};
use potstill_recipe::Recipe;
use potstill_report::{read_metrics, read_summary};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../potstill-onnx/tests/reference");

const RECIPE: &str = r#"
version = 1
name = "test"
[data]
train = "shapes:size=8,train=48,test=20,classes=10"
[student]
model = "cifar_resnet8"
[teacher]
onnx = "FILES/small.onnx"
[train]
epochs = 1
batch = 16
optimizer = { kind = "sgd", lr = 0.05 }
[[methods]]
kind = "kd"
"#;

/// Shallow map, deeper map before its activation, pooled embedding.
const REVIEW: &str = r#"methods=[{ kind = "review-kd", ramp_epochs = 0, student_points = ["layer1.0", "layer2.0", "pool"],
    teacher_points = ["/Relu_output_0", "/conv2/Conv_output_0", "/ReduceMean_output_0"] }]"#;

fn plan(overrides: &[&str]) -> Result<Plan, EngineError> {
    let overrides: Vec<String> = overrides
        .iter()
        .map(|text| text.replace("FILES", FILES))
        .collect();
    Plan::new(Recipe::from_text(
        &RECIPE.replace("FILES", FILES),
        "test.toml",
        &overrides,
    )?)
}

fn run(overrides: &[&str]) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let run_folder = RunFolder::create(&folder.path().join("run"), false).unwrap();
    let mut run = Run::start(plan(overrides).unwrap(), run_folder).unwrap();
    let outcome = run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    (folder, run)
}

#[test]
fn logits_teach_and_are_measured() {
    let (_folder, run) = run(&[]);
    let terms = &read_metrics(run.folder().unwrap().path().join("metrics.jsonl")).unwrap()[0]
        .train
        .terms;
    assert!(terms["kd"] > 0.0, "{terms:?}");
    let summary = read_summary(run.folder().unwrap().path().join("summary.json")).unwrap();
    let teacher = &summary.teachers[0];
    assert_eq!(teacher.network.model, "small.onnx");
    assert!(teacher.metrics.get("top1").is_some());
}

#[test]
fn features_teach_by_the_names_of_tensors() {
    let plan = plan(&[REVIEW]).unwrap();
    let teacher = &plan.spec.teachers[0].network;
    let sizes: Vec<[usize; 3]> = plan.reads()[0]
        .teacher
        .iter()
        .map(|point| teacher.info.probe.size(point).unwrap())
        .collect();
    assert_eq!(sizes, [[8, 8, 4], [4, 4, 6], [1, 1, 6]]);
    let (_folder, run) = run(&[REVIEW]);
    let terms = &read_metrics(run.folder().unwrap().path().join("metrics.jsonl")).unwrap()[0]
        .train
        .terms;
    assert!(terms["review-kd"] > 0.0, "{terms:?}");
}

#[test]
fn tokens_of_a_transformer_teach_as_maps() {
    let tokens = r#"methods=[{ kind = "review-kd", student_points = ["layer3.0"],
        teacher_points = ["/norm/LayerNormalization_output_0"] }]"#;
    // The file is for two images at a time; the batch has 16.
    let (_folder, run) = run(&["teacher.onnx=FILES/tokens.onnx", tokens]);
    let info = &run.spec().teachers[0].network.info;
    let point = "/norm/LayerNormalization_output_0".parse().unwrap();
    assert_eq!(info.probe.size(&point), Some([2, 2, 4]));
}

#[test]
fn a_file_of_the_newer_exporter_teaches_as_well() {
    assert!(plan(&["teacher.onnx=FILES/dynamo.onnx"]).is_ok());
}

#[test]
fn gradients_go_through_a_file_that_is_read_as_layers() {
    let place = tempfile::tempdir().unwrap();
    let tst = "methods=[{ kind = \"tst\", bank = { kind = \"closed-form\" }, rounds = [0] }]";
    let (_folder, run) = run(&[tst]);
    assert!(!run.rows().is_empty());
    // A teacher that learns has its file's weights at first, and others after a step.
    let names = [
        "train.batch=16",
        "methods=[{ kind = \"ekd\", teacher_mode = \"evolving-from-checkpoint\", student_points = [\"layer1.0\", \"layer2.0\"], teacher_points = [\"/Relu_output_0\", \"/conv2/Conv_output_0\"] }]",
    ];
    let learned = RunFolder::create(&place.path().join("learned"), false).unwrap();
    let mut run = Run::start(plan(&names).unwrap(), learned).unwrap();
    run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap();
    let checkpoint = TensorFile::read(&place.path().join("learned/last.safetensors")).unwrap();
    let weight = &checkpoint.tensors["teacher/fc.weight"].values;
    let before = TrainGraph::open(format!("{FILES}/small.onnx").as_ref(), None, [8, 8, 3]).unwrap();
    let before = before
        .tensors
        .iter()
        .find(|tensor| tensor.name == "fc.weight")
        .unwrap();
    assert_eq!(weight.len(), before.values.len());
    assert!(
        weight
            .iter()
            .zip(before.values.iter())
            .any(|(after, before)| after != before)
    );
}

#[test]
fn a_file_without_gradients_says_why() {
    let tst = "methods=[{ kind = \"tst\", bank = { kind = \"closed-form\" }, rounds = [0] }]";
    let whole = ["teacher.onnx=FILES/tokens.onnx", tst];
    let message = plan(&whole).err().unwrap().to_string();
    assert!(
        message.contains("no gradient goes through `tokens.onnx`") && message.contains("open batch"),
        "{message}"
    );
}

#[test]
fn what_does_not_fit_is_found_before_the_first_step() {
    let cases: [(&[&str], &[&str]); 10] = [
        (&["teacher.onnx=no/such.onnx"], &["no/such.onnx", "No such file"]),
        (
            &["teacher.onnx=FILES/unknown_operator.onnx"],
            &["unknown_operator.onnx", "Frobnicate"],
        ),
        (
            &[
                "teacher.onnx=FILES/fixed.onnx",
                "data.train=shapes:size=16,train=48,test=20",
            ],
            &[
                "fixed.onnx takes images of 8x8 with 3 channels, not of 16x16",
                "data.augment",
            ],
        ),
        (
            &["data.train=shapes:size=8,train=48,test=20,classes=4"],
            &["10 classes and the student 4"],
        ),
        (
            &["teacher.logits=/Relu_output_5"],
            &["no tensor `/Relu_output_5`", "did you mean `/Relu"],
        ),
        (
            &["teacher.onnx=FILES/probabilities.onnx"],
            &["Softmax", "logits = \"/fc/Gemm_output_0\""],
        ),
        (&["teacher.onnx=FILES/channels_last.onnx"], &["channels", "last"]),
        (
            &[
                r#"methods=[{ kind = "review-kd", teacher_points = ["/Relu_output_5"], student_points = ["pool"] }]"#,
            ],
            &["`/Relu_output_5` of the teacher", "did you mean `/Relu"],
        ),
        (
            &[r#"methods=[{ kind = "review-kd" }]"#],
            &["review-kd", "names no points", "teacher_points"],
        ),
        (
            &["teacher.input={ mean = [0.5], std = [0.2] }"],
            &["1 values", "3 channels"],
        ),
    ];
    for (overrides, expected) in cases {
        let message = match plan(overrides) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{overrides:?} was accepted"),
        };
        for part in expected {
            assert!(
                message.contains(part),
                "{overrides:?}: `{part}` is not in: {message}"
            );
        }
    }
}

#[test]
fn probabilities_can_be_had_from_their_logits() {
    let logits = "teacher.logits=\"/fc/Gemm_output_0\"";
    assert!(plan(&["teacher.onnx=FILES/probabilities.onnx", logits]).is_ok());
}
