//! Fuzzes the doors through which files of strangers come in.
//!
//! With a nightly compiler and cargo-fuzz each door is a target of libFuzzer; without them files that differ a little from the corpus go
//! through it. Either starts from `fuzz/corpus`, and keeps what breaks a door.

use std::{env, process::Command};

use crate::run;

/// The doors, each a target in `fuzz/`. A test of the corpus holds the crate `potstill-fuzzing` to the same folders.
const DOORS: [&str; 10] = [
    "recipe",
    "image",
    "tar",
    "idx",
    "cifar",
    "onnx",
    "metrics",
    "pth",
    "safetensors",
    "checkpoint",
];

/// Memory of a target before it is stopped, in MiB.
const MOST_MEMORY: u32 = 1500;

/// Fuzzes each door for `--seconds N` (60), or the one that is named.
pub fn fuzz() -> bool {
    let arguments: Vec<String> = env::args().skip(2).collect();
    let seconds = arguments
        .iter()
        .position(|argument| argument == "--seconds")
        .and_then(|at| arguments.get(at + 1))
        .map_or("60", String::as_str);
    let named: Vec<&str> = DOORS
        .into_iter()
        .filter(|door| arguments.iter().any(|argument| argument == door))
        .collect();
    let doors = if named.is_empty() { DOORS.to_vec() } else { named };
    let has_fuzzer = has_fuzzer();
    if !has_fuzzer {
        println!(
            "cargo-fuzz or a nightly compiler is not installed: files that differ a little from the corpus are tried"
        );
    }
    let mut good = true;
    for door in doors {
        good &= if has_fuzzer {
            with_fuzzer(door, seconds)
        } else {
            without_fuzzer(door, seconds)
        };
    }
    good
}

fn has_fuzzer() -> bool {
    let version = Command::new("cargo")
        .args(["+nightly", "fuzz", "--version"])
        .output();
    version.is_ok_and(|output| output.status.success())
}

fn with_fuzzer(door: &str, seconds: &str) -> bool {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--sanitizer", "none", door, "--"]);
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-rss_limit_mb={MOST_MEMORY}"),
    ]);
    command.args(["-timeout=20", "-print_final_stats=1"]);
    run(&format!("fuzzing {door}"), command)
}

fn without_fuzzer(door: &str, seconds: &str) -> bool {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--package",
        "potstill-fuzzing",
        "--release",
        "--test",
        "corpus",
        "--",
    ]);
    command.args(["--ignored", "--nocapture"]);
    command
        .env("POTSTILL_FUZZ_DOOR", door)
        .env("POTSTILL_FUZZ_SECONDS", seconds);
    run(&format!("trying {door}"), command)
}
