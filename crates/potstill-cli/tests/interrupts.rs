//! Runs that are stopped by signals, and two that want one folder.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use potstill_testing::command::Place;

const RECIPE: &str = r#"version = 1
name = "long"
[data]
train = "shapes:size=16,train=64,test=20,classes=4"
[student]
model = "cifar_resnet8"
[train]
epochs = 100000
batch = 16
optimizer = { kind = "sgd", lr = 0.05 }
"#;

fn with_recipe() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("long.toml"), RECIPE).unwrap();
    place
}

/// The run, once its first epoch is done, with what it says from then on.
fn under_way(place: &Place, arguments: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = place.command(arguments);
    let mut child = command
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let began = said.by_ref().find(|line| line.contains("epoch "));
    assert!(began.is_some(), "it ended");
    (child, said)
}

fn send(child: &Child, signal: &str) {
    let number = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &number])
            .status()
            .unwrap()
            .success()
    );
}

/// Whether what is started here ignores SIGHUP, as under `nohup`.
fn hangups_are_ignored() -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn polite_signals_save_and_are_told_apart() {
    let place = with_recipe();
    for (signal, name) in [
        ("-TERM", "SIGTERM"),
        ("-HUP", "SIGHUP"),
        ("-QUIT", "SIGQUIT"),
        ("-USR1", "SIGUSR1"),
        ("-INT", "Ctrl-C"),
    ] {
        if signal == "-HUP" && hangups_are_ignored() {
            continue;
        }
        let (mut child, said) = under_way(&place, &["train", "long.toml", "--resume"]);
        send(&child, signal);
        let said: Vec<String> = said.collect();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}: {said:?}");
        assert!(said.iter().any(|line| line.starts_with(name)), "{said:?}");
        let last = said.last().unwrap();
        assert!(last.contains("last.safetensors is saved"), "{last}");
        assert!(place.path("runs/long/last.safetensors").is_file());
        assert!(!place.path("runs/long/run.lock").exists());
    }
}

#[test]
fn who_closes_the_pipe_loses_no_run() {
    let place = with_recipe();
    let (mut child, said) = under_way(&place, &["train", "long.toml", "train.epochs=40"]);
    drop(said);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.path("runs/long/summary.json").is_file());
}

#[test]
fn a_second_process_in_a_folder_is_told_of_the_first() {
    let place = with_recipe();
    let (mut child, said) = under_way(&place, &["train", "long.toml"]);
    let owner = format!("process {} on ", child.id());
    for more in ["--resume", "--overwrite"] {
        let refused = place.refused(&["train", "long.toml", more], 1);
        assert!(
            refused.contains("is in use") && refused.contains(&owner),
            "{refused}"
        );
    }
    let refused = place.refused(&["train", "runs/long", "--extend", "1"], 1);
    assert!(refused.contains(&owner), "{refused}");
    send(&child, "-TERM");
    let _ = said.count();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_student_that_is_no_numbers_ends_with_code_1_and_is_not_exported() {
    let place = with_recipe();
    let changes = [
        "train.epochs=1",
        "train.optimizer.lr=1e6",
        "name=wild",
        "train.batch=64",
    ];
    let said = place.refused(&[&["train", "long.toml"], &changes[..]].concat(), 1);
    assert!(said.contains("of no use"), "{said}");
    assert!(!place.path("runs/wild/student").exists());
    let said = place.refused(&["export", "runs/wild", "--out", "out"], 1);
    assert!(said.contains("is not finished"), "{said}");
    assert!(!place.path("out").exists());
}
