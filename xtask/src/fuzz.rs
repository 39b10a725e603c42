//! Fuzzes the doors through which files of strangers come in.
//!
//! With a nightly compiler and cargo-fuzz each door is a target of libFuzzer; without them files that differ a little from the corpus go
//! through it. Either starts from `fuzz/corpus`, and keeps what breaks a door. What libFuzzer finds to be new on its way goes to
//! `fuzz/artifacts/found`, not into the corpus, which holds what was put there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run;

/// The doors, each a target in `fuzz/` and a folder of its corpus, to which the crate `potstill-fuzzing` is held as well.
const DOORS: [&str; 11] = [
    "recipe",
    "sweep",
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

/// What is to be fuzzed.
#[derive(Debug, PartialEq)]
struct Asked {
    doors: Vec<&'static str>,
    /// For each door.
    seconds: u64,
}

impl Asked {
    /// Doors by their names, all where none is named, and `--seconds NUMBER`, 60 if nothing is said.
    fn of(arguments: &[String]) -> Result<Self, String> {
        let (mut doors, mut seconds) = (Vec::new(), 60);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                let number = arguments.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or("`--seconds` wants a number")?;
            } else {
                let door = DOORS.into_iter().find(|door| door == argument);
                doors.push(door.ok_or_else(|| {
                    format!(
                        "`{argument}` is neither a door nor `--seconds`; the doors are {}",
                        DOORS.join(", ")
                    )
                })?);
            }
        }
        if doors.is_empty() {
            doors = DOORS.to_vec();
        }
        Ok(Self { doors, seconds })
    }
}

/// Fuzzes each door for `--seconds N` (60), or those that are named.
pub fn fuzz(arguments: &[String]) -> bool {
    let Asked { doors, seconds } = match Asked::of(arguments) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}\nusage: cargo xtask fuzz [DOOR ...] [--seconds NUMBER]");
            return false;
        }
    };
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

/// The folder of the fuzz targets.
fn targets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The folders that libFuzzer reads; into the first it writes.
fn folders(door: &str) -> io::Result<[PathBuf; 2]> {
    let found = targets().join("artifacts/found").join(door);
    fs::create_dir_all(&found)?;
    Ok([found, targets().join("corpus").join(door)])
}

fn with_fuzzer(door: &str, seconds: u64) -> bool {
    let folders = match folders(door) {
        Ok(folders) => folders,
        Err(error) => {
            eprintln!("fuzzing {door}: no folder for what is found: {error}");
            return false;
        }
    };
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--sanitizer", "none", door]);
    command.args(folders).arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-rss_limit_mb={MOST_MEMORY}"),
    ]);
    command.args(["-timeout=20", "-print_final_stats=1"]);
    run(&format!("fuzzing {door}"), command)
}

fn without_fuzzer(door: &str, seconds: u64) -> bool {
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
        .env("POTSTILL_FUZZ_SECONDS", seconds.to_string());
    run(&format!("trying {door}"), command)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::{Asked, DOORS, targets};

    fn asked(arguments: &str) -> Result<Asked, String> {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        Asked::of(&arguments)
    }

    #[test]
    fn doors_and_seconds_are_taken_and_nothing_else() {
        let all = DOORS.to_vec();
        assert_eq!(
            asked(""),
            Ok(Asked {
                doors: all.clone(),
                seconds: 60
            })
        );
        assert_eq!(
            asked("--seconds 5"),
            Ok(Asked {
                doors: all,
                seconds: 5
            })
        );
        let onnx = Asked {
            doors: vec!["onnx"],
            seconds: 3600,
        };
        assert_eq!(asked("onnx --seconds 3600"), Ok(onnx));
        for wrong in [
            "onxn",
            "--second 5",
            "onnx --seconds",
            "--seconds soon",
            "--seconds -1",
            "5",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_door_is_a_folder_of_the_corpus() {
        let folders: BTreeSet<String> = fs::read_dir(targets().join("corpus"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(folders, DOORS.map(str::to_owned).into());
    }
}
