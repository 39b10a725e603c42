//! Teachers in ONNX files for detectors and segmenters: logits and features by tensor name.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::finish,
};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../potstill-onnx/tests/reference");

fn recipe(task: &str, size: usize, student: &str, teacher: &str) -> TestRecipe {
    let teacher = teacher.replace("FILES", FILES);
    tiny_recipe()
        .without_table("teacher")
        .without("data.augment")
        .append(&format!("[teacher]\n{teacher}\n"))
        .set(&format!("task={task}"))
        .set(&format!("data.train=shapes:size={size},train=4,test=2,classes=3"))
        .set(&format!("student.model={student}"))
        .set("train.batch=4")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.001")
}

/// The term of the only method after one step.
fn term(recipe: &TestRecipe, method: &str, folder: &Path) -> f64 {
    finish(&mut recipe.start(&[], folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0].train.terms[method]
}

fn refused(recipe: &TestRecipe) -> String {
    recipe.plan(&[]).err().unwrap()
}

const CELLS: &str = "onnx = \"FILES/cells.onnx\"";
const LEVELS: &str = "onnx = \"FILES/levels.onnx\"";
const SCORES: &str = "logits = [\"scores0\", \"scores1\", \"scores2\"]";

#[test]
fn what_fastestdet_publishes_teaches_as_its_logits_do() {
    let place = tempfile::tempdir().unwrap();
    let cells =
        |teacher: &str| recipe("detection", 32, "fastestdet_0_5", teacher).method("kd", "temperature = 2.0");
    let published = place.path().join("published");
    let value = term(&cells(CELLS), "kd", &published);
    let raw = "logits = [\"/obj/Conv_output_0\", \"/reg/Conv_output_0\", \"/cls/Conv_output_0\"]";
    let by_name = term(
        &cells(&format!("{CELLS}\n{raw}")),
        "kd",
        &place.path().join("raw"),
    );
    assert!(
        value > 0.0 && (value - by_name).abs() < 1e-4 * value,
        "{value} and {by_name}"
    );
    // Its boxes are read as well, so that it is measured.
    let summary = read_summary(published.join("summary.json")).unwrap();
    assert!(summary.teachers[0].metrics.get("ap").is_some());
}

#[test]
fn the_levels_of_a_detector_teach_one_of_the_same_strides() {
    let place = tempfile::tempdir().unwrap();
    let levels = |teacher: &str| recipe("detection", 32, "fcos_cifar_resnet8", teacher);
    let taught = levels(&format!("{LEVELS}\n{SCORES}")).method("kd", "temperature = 1.0");
    let folder = place.path().join("levels");
    assert!(term(&taught, "kd", &folder) > 0.0);
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert!(summary.teachers[0].metrics.is_empty(), "no box of it is read");

    // Features need no outputs.
    let points = "student_points = [\"backbone.fpn.layer_blocks.0\"]\nteacher_points = [\"/Relu_output_0\"]";
    let features = levels(LEVELS).method("fitnet", points);
    assert!(term(&features, "fitnet", &place.path().join("features")) > 0.0);
    let said = refused(&levels(LEVELS).method("kd", ""));
    assert!(said.contains("name their tensors (`teacher.logits`)"), "{said}");
}

#[test]
fn a_segmenter_teaches_pixels() {
    let place = tempfile::tempdir().unwrap();
    let segmenter = |more: &str| {
        let teacher = format!("onnx = \"FILES/segmenter.onnx\"\n{more}");
        // Two shapes and the background.
        recipe("segmentation", 20, "fcn_cifar_resnet8", &teacher)
            .set("data.train=shapes:size=20,train=4,test=2,classes=2")
    };
    let kd = segmenter("").method("kd", "temperature = 1.0");
    let folder = place.path().join("kd");
    assert!(term(&kd, "kd", &folder) > 0.0);
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert!(summary.teachers[0].metrics.get("miou").is_some());
    let half = segmenter("logits = \"/head/Conv_output_0\"").method("cwd", "maps = \"logits\"");
    assert!(term(&half, "cwd", &place.path().join("cwd")) > 0.0);
}

#[test]
fn what_does_not_fit_is_found_before_the_first_step() {
    let of = |teacher: &str, changes: &[&str]| {
        let recipe = recipe("detection", 32, "fastestdet_0_5", teacher).method("kd", "");
        changes.iter().fold(recipe, |recipe, change| recipe.set(change))
    };
    // Five classes here and three there: nothing is read, or what is named is told.
    let five = "data.train=shapes:size=32,train=4,test=2,classes=5";
    let said = refused(&of(CELLS, &[five]));
    assert!(said.contains("none of the teacher's outputs are read"), "{said}");
    let said = refused(&of(&format!("{CELLS}\nlogits = \"output\""), &[five]));
    assert!(
        said.contains("`output` [8, 2, 2]") && said.contains("10 channels"),
        "{said}"
    );
    let said = refused(&of(&format!("{CELLS}\nlogits = \"outputs\""), &[]));
    assert!(said.contains("did you mean `output`?"), "{said}");
}

#[test]
fn scores_of_another_kind_of_detector_are_refused_by_the_plan() {
    let of =
        |student: &str, teacher: &str| refused(&recipe("detection", 32, student, teacher).method("kd", ""));
    let said = of("fcos_cifar_resnet8", CELLS);
    assert!(
        said.contains("one map of cells") && said.contains("of one kind"),
        "{said}"
    );
    let levels = format!("{LEVELS}\n{SCORES}");
    for (student, kind) in [
        ("fastestdet_0_5", "one map of cells"),
        ("fasterrcnn_cifar_resnet8", "a two-stage detector"),
    ] {
        let said = of(student, &levels);
        assert!(
            said.contains(kind) && said.contains("this teacher has not"),
            "{said}"
        );
    }
}
