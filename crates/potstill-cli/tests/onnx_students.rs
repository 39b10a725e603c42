//! A student in an ONNX file, as a user meets it: inspected, planned, trained, evaluated, asked, exported.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path};

use potstill_testing::{command::Place, pictures::write_coloured_png};

const DATA: &str = "shapes:size=16,train=64,test=22,classes=4";

/// The small residual network of the reference, as `mine.onnx` beside a recipe.
fn with_file(name: &str) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../potstill-models/tests/reference/onnx_student");
    fs::copy(files.join(name), place.path("mine.onnx")).unwrap();
    let recipe = format!(
        r#"version = 1
name = "mine"
[data]
train = "{DATA}"
[student]
onnx = "mine.onnx"
[teacher]
model = "cifar_resnet14"
weights = "random"
[train]
epochs = 2
batch = 32
optimizer = {{ kind = "sgd", lr = 0.05 }}
[[methods]]
kind = "review-kd"
"#
    );
    fs::write(place.path("mine.toml"), recipe).unwrap();
    write_coloured_png(&place.path("pictures/one.png"), [30, 40]);
    place
}

#[test]
fn a_file_goes_the_whole_way() {
    let place = with_file("residual.onnx");
    let said = place.out(&["inspect", "mine.onnx"]);
    assert!(said.contains("as a student: it trains"), "{said}");
    assert!(
        said.contains("last layer fc, drawn anew for other classes"),
        "{said}"
    );
    assert!(
        said.contains("a stage ends at /layer1/relu_1/Relu_output_0 (8x8x8)"),
        "{said}"
    );
    let described = place.json(&["inspect", "mine.onnx", "--json"]);
    assert_eq!(described["student"]["trains"], true);
    assert_eq!(
        (&described["student"]["units"], &described["student"]["head"]),
        (&6.into(), &"fc".into())
    );

    let planned = place.out(&["plan", "mine.toml"]);
    assert!(
        planned.contains("student   mine.onnx: ") && planned.contains("drawn anew for 4"),
        "{planned}"
    );
    assert!(planned.contains("* /layer2/relu_1/Relu_output_0"), "{planned}");

    place.out(&["train", "mine.toml", "--quiet"]);
    fs::remove_file(place.path("mine.onnx")).unwrap();
    for run in ["runs/mine", "runs/mine/student"] {
        let measured = place.json(&["eval", run, "--data", DATA, "--json", "--quiet"]);
        assert_eq!(measured["count"], 22, "{measured}");
        let answers = place.json(&["predict", run, "pictures", "--json", "--quiet"]);
        assert!(answers[0]["top"][0]["probability"].is_number(), "{answers}");
    }
    place.out(&["export", "runs/mine", "--out", "deployed"]);
    for file in ["graph.onnx", "config.json", "model.safetensors"] {
        assert!(place.path("deployed").join(file).is_file(), "{file}");
    }
    place.out(&["export", "runs/mine", "--onnx", "out/student.onnx"]);
    let described = place.json(&["inspect", "out/student.onnx", "--json"]);
    assert_eq!(described["classes"], 4);
}

#[test]
fn a_file_in_training_mode_is_a_student_and_no_teacher() {
    let place = with_file("inverted.C.onnx");
    let said = place.out(&["inspect", "mine.onnx"]);
    assert!(
        said.contains("as a teacher: ") && said.contains("as a student: it trains"),
        "{said}"
    );
    assert!(said.contains("dropout"), "{said}");
}

#[test]
fn folded_norms_are_noted_with_the_way_out() {
    let place = with_file("residual.A.onnx");
    let planned = place.out(&["plan", "mine.toml", "methods=[]"]);
    let line = "torch.onnx.export(model.eval()";
    assert!(
        planned.contains("no batch norm") && planned.contains(line),
        "{planned}"
    );
}
