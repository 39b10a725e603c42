//! Checkpoints that are looked into, runs that are done once more, and the step at which one was lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_testing::command::Place;

const RECIPE: &str = r#"version = 1
name = "tiny"
[data]
train = "shapes:size=16,train=64,test=20,classes=4"
[student]
model = "cifar_resnet8"
[train]
epochs = 3
batch = 32
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
"#;

fn trained(changes: &[&str]) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("tiny.toml"), RECIPE).unwrap();
    let arguments = [&["train", "tiny.toml", "-q"], changes].concat();
    place.run(&arguments);
    place
}

#[test]
fn a_checkpoint_tells_what_it_is_and_that_it_is_whole() {
    let place = trained(&[]);
    let last = "runs/tiny/last.safetensors";
    let found = place.json(&["inspect", last, "--json"]);
    assert_eq!((&found["epoch"], &found["step"]), (&3.into(), &0.into()));
    assert_eq!(found["student"], "cifar_resnet8");
    assert_eq!(found["sha256"].as_str().unwrap().len(), 64);
    let tensors = found["tensors"].as_array().unwrap();
    let conv = tensors
        .iter()
        .find(|tensor| tensor["name"] == "student/conv1.weight");
    assert_eq!(conv.unwrap()["shape"], serde_json::json!([16, 3, 3, 3]));
    let text = place.out(&["inspect", last]);
    assert!(
        text.contains("after 3 epochs") && text.contains("optimizer"),
        "{text}"
    );
    let mut bytes = fs::read(place.path(last)).unwrap();
    let end = bytes.len() - 5;
    bytes[end] ^= 1;
    fs::write(place.path(last), bytes).unwrap();
    let said = place.refused(&["inspect", last], 1);
    assert!(said.contains("SHA-256"), "{said}");
    // The student, whose numbers someone has changed.
    let student = "runs/tiny/student/model.safetensors";
    let mut bytes = fs::read(place.path(student)).unwrap();
    let end = bytes.len() - 5;
    bytes[end] ^= 1;
    fs::write(place.path(student), bytes).unwrap();
    let said = place.refused(
        &[
            "eval",
            "runs/tiny/student",
            "--data",
            "shapes:size=16,test=20,classes=4",
        ],
        1,
    );
    assert!(said.contains("SHA-256"), "{said}");
}

#[test]
fn a_run_done_once_more_is_the_same_or_the_first_difference_is_told() {
    let place = trained(&[]);
    let said = place.out(&["reproduce", "runs/tiny", "-q"]);
    assert!(said.contains("every number of 3 of 3 epochs"), "{said}");
    assert!(!place.path("runs/tiny.again").exists());
    // As if the second epoch had gone otherwise.
    let path = place.path("runs/tiny/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let rows = text.lines().map(|line| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        if row["epoch"] == 2 {
            row["train"]["loss"] = 7.5.into();
        }
        row.to_string() + "\n"
    });
    let rows: String = rows.collect();
    fs::write(&path, rows).unwrap();
    let said = place.refused(&["reproduce", "runs/tiny", "-q"], 1);
    assert!(
        said.contains("epoch 2 is the first that differs: train loss was 7.5"),
        "{said}"
    );
    // The second run is left to be looked at.
    let said = place.refused(&["reproduce", "runs/tiny/", "-q"], 2);
    assert!(
        said.contains("remove it, or `--out` takes another folder"),
        "{said}"
    );
    assert!(place.path("runs/tiny.again").exists() && !place.path("runs/tiny/.again").exists());
}

#[test]
fn what_is_not_left_of_a_run_is_not_called_the_same() {
    let place = trained(&[]);
    let path = place.path("runs/tiny/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    // One epoch's row, and no checkpoint: the second run ends with that epoch.
    fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    for file in ["last.safetensors", "best.safetensors"] {
        fs::remove_file(place.path(&format!("runs/tiny/{file}"))).unwrap();
    }
    fs::remove_dir_all(place.path("runs/tiny/checkpoints")).unwrap();
    let said = place.out(&["reproduce", "runs/tiny/", "-q"]);
    assert!(
        said.contains("every number of 1 of 3 epochs, and every tensor of 0 checkpoints"),
        "{said}"
    );
    fs::write(&path, "").unwrap();
    let said = place.refused(&["reproduce", "runs/tiny", "-q"], 1);
    assert!(said.contains("is left to compare with"), "{said}");
    assert!(!place.path("runs/tiny.again").exists());
}

#[test]
fn the_step_at_which_a_run_was_lost_is_done_once_more() {
    let place = trained(&["train.optimizer.lr=1e30"]);
    let text = place.out(&["replay", "runs/tiny", "-q"]);
    assert!(text.contains("the first map that is not finite: "), "{text}");
    assert!(
        text.contains("the first term that is not finite: cross_entropy"),
        "{text}"
    );
    let found = place.json(&["replay", "runs/tiny", "-q", "--json"]);
    assert_eq!((&found["epoch"], &found["step"]), (&1.into(), &2.into()));
    assert_eq!(found["images"].as_array().unwrap().len(), 32);
    let sound = trained(&["train.epochs=1"]);
    let said = sound.refused(&["replay", "runs/tiny", "-q"], 1);
    assert!(said.contains("no step of the run"), "{said}");
}
