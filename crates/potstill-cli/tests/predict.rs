//! `potstill predict` as a user meets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_testing::{
    command::Place,
    pictures::{write_coloured_png, write_png},
};
use serde_json::Value;

const RECIPE: &str = r#"version = 1
name = "tiny"
[data]
train = "shapes:size=16,train=64,test=22,classes=4"
[student]
model = "cifar_resnet8"
[train]
epochs = 1
batch = 32
optimizer = { kind = "sgd", lr = 0.05 }
"#;

/// A folder with a run and some pictures of several sizes.
fn with_run() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("tiny.toml"), RECIPE).unwrap();
    place.out(&["train", "tiny.toml", "--quiet"]);
    for (name, size) in [
        ("a/10.png", [30, 40]),
        ("a/2.png", [16, 16]),
        ("a/b/wide, \"really\".png", [20, 90]),
    ] {
        write_coloured_png(&place.path("pictures").join(name), size);
    }
    place
}

fn class_names(place: &Place) -> Vec<String> {
    let config = fs::read(place.path("runs/tiny/student/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    serde_json::from_value(config["class_names"].clone()).unwrap()
}

#[test]
fn every_picture_has_its_classes_with_probabilities() {
    let place = with_run();
    let out = place.out(&["predict", "runs/tiny", "pictures", "--json", "--quiet"]);
    let answers: Vec<Value> = serde_json::from_str(&out).unwrap();
    let files: Vec<&str> = answers
        .iter()
        .map(|answer| answer["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "pictures/a/2.png",
            "pictures/a/10.png",
            "pictures/a/b/wide, \"really\".png"
        ]
    );
    let mut known = class_names(&place);
    known.sort();
    for answer in &answers {
        // Five are asked for, and there are four.
        let top = answer["top"].as_array().unwrap();
        let of = |one: &Value| one["probability"].as_f64().unwrap();
        let probabilities: Vec<f64> = top.iter().map(of).collect();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{answer}");
        assert!(probabilities.is_sorted_by(|a, b| a >= b), "{answer}");
        let mut classes: Vec<&str> = top.iter().map(|one| one["class"].as_str().unwrap()).collect();
        classes.sort_unstable();
        assert_eq!(classes, known);
    }
    // One object a line, and the same whatever the batch.
    assert_eq!(out.lines().count(), 5);
    let again = place.json(&[
        "predict",
        "runs/tiny",
        "pictures",
        "--json",
        "--quiet",
        "--batch",
        "1",
    ]);
    for (one, other) in answers.iter().zip(again.as_array().unwrap()) {
        let [one, other] = [one, other].map(|answer| &answer["top"][0]);
        let gap = one["probability"].as_f64().unwrap() - other["probability"].as_f64().unwrap();
        assert!(
            one["class"] == other["class"] && gap.abs() < 1e-5,
            "{one} {other}"
        );
    }
}

#[test]
fn answers_are_text_or_comma_separated_values() {
    let place = with_run();
    let csv = place.out(&[
        "predict",
        "runs/tiny",
        "pictures",
        "--csv",
        "--top",
        "2",
        "--quiet",
    ]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "file,rank,class,probability"));
    assert!(lines[1].starts_with("pictures/a/2.png,1,") && lines[2].starts_with("pictures/a/2.png,2,"));
    assert!(
        lines[5].starts_with("\"pictures/a/b/wide, \"\"really\"\".png\",1,"),
        "{csv}"
    );
    let one = ["predict", "runs/tiny", "pictures/a/2.png"];
    let text = place.out(&[&one[..], &["--top", "1", "--quiet"]].concat());
    assert!(
        text.starts_with("pictures/a/2.png  ") && text.ends_with(" %\n"),
        "{text}"
    );
    let said = String::from_utf8(place.run(&one).stderr).unwrap();
    assert!(said.contains("brought to 16x16"), "{said}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let place = with_run();
    fs::write(place.path("pictures/a/3.png"), "no picture").unwrap();
    fs::write(place.path("pictures/notes.txt"), "hello").unwrap();
    let output = place.run(&["predict", "runs/tiny", "missing.png", "pictures", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    for word in [
        "missing.png does not exist",
        "pictures/a/3.png: cannot decode this image",
        "2 of 5 pictures could not be read",
        "left out: 1 files that are no pictures by their names (pictures/notes.txt)",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 3);
    fs::create_dir(place.path("empty")).unwrap();
    let said = place.refused(&["predict", "runs/tiny", "empty"], 1);
    assert!(said.contains("there is no picture"), "{said}");
}

#[test]
fn weights_without_a_config_need_a_network_and_may_have_names() {
    let place = with_run();
    let weights = place.path("runs/tiny/student/model.safetensors");
    fs::copy(weights, place.path("alone.safetensors")).unwrap();
    let predict = ["predict", "alone.safetensors", "pictures/a/2.png"];
    let said = place.refused(&predict, 2);
    assert!(said.contains("--model NAME"), "{said}");
    let named = [
        &predict[..],
        &["--model", "cifar_resnet8", "--json", "--top", "1"],
    ]
    .concat();
    let said = String::from_utf8(place.run(&named).stderr).unwrap();
    assert!(
        said.contains("--class-names FILE") && said.contains("brought to 32x32"),
        "{said}"
    );
    fs::write(place.path("names.txt"), "one\ntwo\nthree\nfour\n").unwrap();
    let answers = place.json(&[&named[..], &["--class-names", "names.txt", "--quiet"]].concat());
    let class = answers[0]["top"][0]["class"].as_str().unwrap();
    assert!(["one", "two", "three", "four"].contains(&class), "{class}");
    fs::write(place.path("names.txt"), "one\ntwo\n").unwrap();
    let said = place.refused(&[&named[..], &["--class-names", "names.txt"]].concat(), 2);
    assert!(
        said.contains("names.txt has 2 names, and cifar_resnet8 has 4 classes"),
        "{said}"
    );
}

const SEGMENTER: &str = r#"version = 1
name = "maps"
task = "segmentation"
[data]
train = "shapes:size=32,train=32,test=12,classes=3,figures=1-2"
[student]
model = "fcn_cifar_resnet8"
[train]
epochs = 1
batch = 16
optimizer = { kind = "sgd", lr = 0.05 }
"#;

#[test]
fn a_segmenter_tells_shares_and_writes_class_maps() {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("maps.toml"), SEGMENTER).unwrap();
    place.out(&["train", "maps.toml", "--quiet"]);
    let picture = fs::read_to_string(place.path("runs/maps/pictures/answers.svg")).unwrap();
    assert_eq!(picture.matches(">truth<").count(), 8);
    assert_eq!(picture.matches(">student<").count(), 8);
    place.out(&["train", "maps.toml", "name=other", "seed=1", "--quiet"]);
    place.out(&[
        "compare",
        "runs/maps",
        "runs/other",
        "--pictures",
        "both.svg",
        "--images",
        "3",
    ]);
    let picture = fs::read_to_string(place.path("both.svg")).unwrap();
    let columns = ["truth", "maps", "other"].map(|name| picture.matches(&format!(">{name}<")).count());
    assert_eq!(columns, [3, 3, 3]);
    write_png(&place.path("pictures/a.png"), [20, 30], |y, x| {
        [(9 * y) as u8, (5 * x) as u8, 7]
    });
    let arguments = ["predict", "runs/maps", "pictures", "--json", "--quiet"];
    let out = place.out(&[&arguments[..], &["--maps", "m", "--draw", "d"]].concat());
    let answers: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(answers[0]["size"], serde_json::json!([20, 30]));
    let shares = answers[0]["classes"].as_array().unwrap();
    let sum: f64 = shares.iter().map(|share| share["share"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{out}");
    let map = fs::read(place.path("m/pictures-a.png")).unwrap();
    // A PNG header has the sides at fixed places.
    let sides = [&map[20..24], &map[16..20]].map(|side| u32::from_be_bytes(side.try_into().unwrap()));
    assert_eq!((sides, map[24], map[25]), ([20, 30], 8, 0), "8 bits, grey");
    assert!(place.path("d/pictures-a.svg").is_file());
}

#[test]
fn a_classifier_has_no_places_to_draw() {
    let place = with_run();
    let said = place.refused(&["predict", "runs/tiny", "pictures", "--draw", "d"], 2);
    assert!(
        said.contains("`--draw` is for detectors and segmenters"),
        "{said}"
    );
}
