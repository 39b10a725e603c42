//! `potstill verify`, and networks that take their images at a low resolution, as a user meets them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const RECIPE: &str = r#"version = 1
name = "low"
[data]
train = "shapes:size=16,train=64,test=40,classes=4"
[student]
model = "cifar_resnet8"
input = { low_resolution = { size = 4, enlarge = "bilinear" } }
[train]
epochs = 1
batch = 32
optimizer = { kind = "sgd", lr = 0.05 }
"#;
const DATA: &str = "shapes:size=16,train=64,test=40,classes=4";

fn run(place: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_potstill"))
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = run(place, arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// The arguments of a verification of few pairs.
fn verify<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let verify = [
        "verify", "runs/low", "--data", DATA, "--draw", "10", "--folds", "4",
    ];
    [&verify[..], more].concat()
}

#[test]
fn a_degraded_student_is_evaluated_and_verifies_as_it_was_trained() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    fs::write(place.join("low.toml"), RECIPE).unwrap();
    let (code, _, err) = run(place, &["train", "low.toml", "--quiet"]);
    assert_eq!(code, 0, "{err}");
    let config: Value =
        serde_json::from_slice(&fs::read(place.join("runs/low/student/config.json")).unwrap()).unwrap();
    assert_eq!(config["input"]["low_resolution"]["size"], 4);
    assert_eq!(config["input"]["low_resolution"]["enlarge"], "bilinear");
    assert_eq!(config["input"]["size"], serde_json::json!([16, 16]));

    let loss = |more: &[&str]| {
        let eval = ["eval", "runs/low", "--data", DATA, "--json", "--quiet"];
        json(place, &[&eval[..], more].concat())["loss"].as_f64().unwrap()
    };
    let as_trained = loss(&[]);
    assert_eq!(
        as_trained,
        loss(&["--low-resolution", "4", "--enlarge", "bilinear"])
    );
    assert_ne!(as_trained, loss(&["--low-resolution", "4"]));
    assert_ne!(as_trained, loss(&["--low-resolution", "16"]));
    let summary: Value =
        serde_json::from_slice(&fs::read(place.join("runs/low/summary.json")).unwrap()).unwrap();
    assert!((as_trained - summary["last"]["metrics"]["loss"].as_f64().unwrap()).abs() < 1e-6);
    let (code, _, err) = run(
        place,
        &["eval", "runs/low", "--data", DATA, "--low-resolution", "5"],
    );
    assert!(code == 2 && err.contains("5x5"), "{err}");

    let found = json(place, &verify(&["--json", "--quiet"]));
    assert_eq!(
        (&found["pairs"], &found["folds"]),
        (&Value::from(80), &Value::from(4))
    );
    let accuracy = found["accuracy"].as_f64().unwrap();
    let (_, out, err) = run(place, &verify(&[]));
    assert!(
        out.contains(&format!("accuracy {accuracy:.2} %")) && out.contains("80 pairs"),
        "{out}"
    );
    assert!(err.contains("cifar_resnet8"), "{err}");
    assert_ne!(found, json(place, &verify(&["--json", "--quiet", "--seed", "1"])));
    let (code, _, err) = run(place, &verify(&["--point", "layer7"]));
    assert!(code == 2 && err.contains("`layer7`"), "{err}");
    let (code, _, err) = run(place, &["verify", "runs/low", "--data", DATA, "--draw", "1000"]);
    assert!(code != 0 && err.contains("different pairs"), "{err}");
}

#[test]
fn pairs_of_a_file_are_verified() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    fs::write(place.join("low.toml"), RECIPE).unwrap();
    assert_eq!(run(place, &["train", "low.toml", "--quiet"]).0, 0);
    let classes = {
        let student = fs::read(place.join("runs/low/student/config.json")).unwrap();
        let config: Value = serde_json::from_slice(&student).unwrap();
        let name = |at: usize| config["class_names"][at].as_str().unwrap().to_owned();
        [name(0), name(1)]
    };
    let fold = format!("{}\t1\t2\n{}\t1\t{}\t2\n", classes[0], classes[0], classes[1]);
    fs::write(place.join("pairs.txt"), format!("3\t1\n{fold}{fold}{fold}")).unwrap();
    let verify = [
        "verify",
        "runs/low",
        "--data",
        DATA,
        "--pairs",
        "pairs.txt",
        "--json",
        "--quiet",
    ];
    let found = json(place, &verify);
    assert_eq!(
        (&found["pairs"], &found["folds"]),
        (&Value::from(6), &Value::from(3))
    );
    // Every fold is the same two pairs: either both are told right in all folds, or one.
    assert!(
        [50.0, 100.0].contains(&found["accuracy"].as_f64().unwrap()),
        "{found}"
    );
    fs::write(place.join("pairs.txt"), "3\t1\nnobody\t1\t2\n").unwrap();
    let (code, _, err) = run(place, &verify);
    assert!(
        code != 0 && err.contains("line 2") && err.contains("nobody"),
        "{err}"
    );
}
