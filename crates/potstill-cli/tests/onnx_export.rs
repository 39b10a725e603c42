//! `potstill export --onnx`, and what the other commands make of the file, as a user meets them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_testing::{command::Place, pictures::write_coloured_png};
use serde_json::Value;

const DATA: &str = "shapes:size=16,train=64,test=22,classes=4";

fn with_run() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let recipe = format!(
        r#"version = 1
name = "tiny"
[data]
train = "{DATA}"
[student]
model = "cifar_resnet8"
[train]
epochs = 1
batch = 32
optimizer = {{ kind = "sgd", lr = 0.05 }}
"#
    );
    fs::write(place.path("tiny.toml"), recipe).unwrap();
    place.out(&["train", "tiny.toml", "--quiet"]);
    write_coloured_png(&place.path("pictures/wide.png"), [30, 40]);
    place
}

#[test]
fn the_exported_file_is_used_like_the_run() {
    let place = with_run();
    let said = place.out(&["export", "runs/tiny", "--onnx", "out/student.onnx"]);
    assert!(
        said.contains("on 22 test images the logits differ by at most"),
        "{said}"
    );
    assert!(said.contains("100.0% of the answers are equal"), "{said}");
    for file in ["out/student.onnx", "out/config.json", "out/README.md"] {
        assert!(
            said.contains(file) && place.path(file).is_file(),
            "{file}: {said}"
        );
    }

    let first = |network: &str| {
        let answers = place.json(&["predict", network, "pictures", "--json", "--quiet"]);
        let top = answers[0]["top"][0].clone();
        (top["class"].clone(), top["probability"].as_f64().unwrap())
    };
    let (ours, theirs) = (first("runs/tiny"), first("out/student.onnx"));
    assert_eq!(ours.0, theirs.0);
    assert!((ours.1 - theirs.1).abs() < 1e-4, "{ours:?} {theirs:?}");

    let measured = |network: &str| place.json(&["eval", network, "--data", DATA, "--json", "--quiet"]);
    let (ours, theirs) = (measured("runs/tiny"), measured("out/student.onnx"));
    assert_eq!(
        (&ours["top1"], &ours["count"]),
        (&theirs["top1"], &theirs["count"])
    );

    let inspected = place.json(&["inspect", "out/student.onnx", "--json"]);
    assert_eq!(inspected["input"], serde_json::json!([16, 16, 3]));
    assert_eq!(inspected["classes"], 4);
    let points: Vec<&Value> = inspected["points"].as_array().unwrap().iter().collect();
    let has = |name: &str| points.iter().any(|point| point["path"] == name);
    assert!(has("layer2.0") && has("pool"), "{points:?}");
}

#[test]
fn options_give_outputs_and_take_pixels() {
    let place = with_run();
    let arguments = [
        "export",
        "runs/tiny",
        "--onnx",
        "all.onnx",
        "--keep-norms",
        "--with-input",
        "--points",
        "layer2.0,layer3.0:pre",
        "--opset",
        "20",
        "--out",
        "weights",
    ];
    place.out(&arguments);
    assert!(place.path("weights/model.safetensors").is_file());
    let inspected = place.json(&["inspect", "all.onnx", "--json"]);
    let outputs: Vec<&Value> = inspected["outputs"].as_array().unwrap().iter().collect();
    let names: Vec<&Value> = outputs.iter().map(|output| &output["name"]).collect();
    assert_eq!(names, ["logits", "layer2.0", "layer3.0.pre"]);
    assert_eq!(outputs[1]["shape"], serde_json::json!([32, 8, 8]));
    let top1 =
        |network: &str| place.json(&["eval", network, "--data", DATA, "--json", "--quiet"])["top1"].clone();
    assert_eq!(top1("all.onnx"), top1("runs/tiny"));
}

#[test]
fn bad_usage_is_told_and_writes_nothing() {
    let place = with_run();
    let said = place.refused(&["export", "runs/tiny", "--onnx", "student.pth"], 2);
    assert!(said.contains("has to end in `.onnx`"), "{said}");
    let said = place.refused(&["export", "runs/tiny"], 2);
    assert!(said.contains("--out"), "{said}");
    let said = place.refused(&["export", "runs/tiny", "--out", "weights", "--keep-norms"], 2);
    assert!(said.contains("--onnx"), "{said}");
    let said = place.refused(&["export", "runs/tiny", "--onnx", "a.onnx", "--opset", "9"], 2);
    assert!(said.contains("17") && said.contains("20"), "{said}");
    let said = place.refused(
        &["export", "runs/tiny", "--onnx", "a.onnx", "--points", "layer2.7"],
        1,
    );
    assert!(said.contains("did you mean `layer2.0`?"), "{said}");
    for file in ["student.pth", "a.onnx", "weights", "config.json", "README.md"] {
        assert!(!place.path(file).exists(), "{file}");
    }
}
