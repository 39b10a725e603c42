//! `cargo xtask faults`: runs that are killed, and whose disk is full or broken, at the system calls of a save.
//!
//! A scenario is run once as it is. Then, for each kind of system call that writes, it is run again and again, with a fault at the first,
//! at the last and at some of the calls between, by `strace -e inject`: the process is killed, or the call fails. What is left is resumed
//! without faults, and must come to what the run without faults came to: the same weights, metrics and student, one event for an epoch,
//! the best epoch's student under `export --best`, and no file of a killed write.

mod bench;
mod compare;
mod scenarios;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use self::{bench::Bench, scenarios::scenarios};

/// The system calls of a save. strace counts each name by itself, those that do one thing in several ways too.
const CALLS: [&str; 17] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "fchmod",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "flock",
    "copy_file_range",
];
/// What is done to a call.
const FAULTS: [(&str, &str); 3] = [
    ("killed", "signal=KILL"),
    ("disk full", "error=ENOSPC"),
    ("disk broken", "error=EIO"),
];

/// How a faulted run ended, and what came of it.
#[derive(Default)]
struct Counts {
    /// The fault hit a call that does not matter: the run came to its end.
    tolerated: usize,
    /// Killed, or ended with code 1 and a message; resumed to the same end.
    mended: usize,
    /// Anything else.
    lost: Vec<String>,
    /// No call met the fault, which says nothing.
    missed: Vec<String>,
}

/// Runs every scenario with so many faults of each kind at each call; a first argument that is a number says how many (3 if not given), others name the scenarios.
/// The binary is `POTSTILL_BIN`, or a release build.
pub fn faults(arguments: &[String]) -> bool {
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("faults are injected by strace, which is not installed here");
        return false;
    }
    let each = arguments.first().and_then(|first| first.parse().ok());
    let named = &arguments[usize::from(each.is_some())..];
    match all(each.unwrap_or(3), named) {
        Ok(good) => good,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}

fn all(each: usize, named: &[String]) -> io::Result<bool> {
    let binary = binary()?;
    let place = env::temp_dir().join(format!("potstill-faults-{}", std::process::id()));
    let (mut injected, mut lost, mut missed, mut untried) = (0, Vec::new(), Vec::new(), Vec::new());
    println!(
        "{:<16} {:<12} {:>8} {:>10} {:>8} {:>6} {:>6}",
        "scenario", "fault", "injected", "tolerated", "mended", "lost", "missed"
    );
    for scenario in scenarios() {
        if !named.is_empty() && !named.iter().any(|name| name == scenario.name) {
            continue;
        }
        let bench = Bench::new(&binary, &place.join(scenario.name), &scenario)?;
        let calls = bench.calls()?;
        let before = injected;
        for (name, inject) in FAULTS {
            let mut counts = Counts::default();
            for (call, &made) in &calls {
                for when in spread(made, each) {
                    bench.inject(&format!("{call}:{inject}:when={when}"), &mut counts)?;
                }
            }
            let all = counts.tolerated + counts.mended + counts.lost.len();
            println!(
                "{:<16} {name:<12} {all:>8} {:>10} {:>8} {:>6} {:>6}",
                scenario.name,
                counts.tolerated,
                counts.mended,
                counts.lost.len(),
                counts.missed.len()
            );
            injected += all;
            lost.append(&mut counts.lost);
            missed.append(&mut counts.missed);
        }
        if injected == before {
            untried.push(scenario.name);
        }
        fs::remove_dir_all(&bench.place)?;
    }
    for one in &lost {
        println!("lost: {one}");
    }
    for one in &missed {
        println!("missed: {one}");
    }
    println!(
        "{injected} faults, {} runs lost, {} faults that no call met",
        lost.len(),
        missed.len()
    );
    if injected == 0 {
        return Err(io::Error::other(
            "no fault was injected: no scenario has such a name, or strace sees no call",
        ));
    }
    for name in &untried {
        println!("untried: no fault of {name} met a call");
    }
    Ok(lost.is_empty() && untried.is_empty())
}

/// The binary that is tried.
fn binary() -> io::Result<PathBuf> {
    if let Some(binary) = env::var_os("POTSTILL_BIN") {
        return fs::canonicalize(binary);
    }
    let built = Command::new("cargo").args(["build", "--release"]).status()?;
    if !built.success() {
        return Err(io::Error::other("the release build failed"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(root.join("target/release/potstill"))
}

/// So many of the numbers from 1 to `made`, the first and the last among them.
fn spread(made: usize, each: usize) -> Vec<usize> {
    let each = each.min(made);
    let at = |index: usize| 1 + index * (made - 1) / (each - 1).max(1);
    let mut all: Vec<usize> = (0..each).map(at).collect();
    if each == 1 {
        all = vec![made];
    }
    all.dedup();
    all
}
