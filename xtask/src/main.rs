//! The everyday commands, with nothing to install first.
//!
//! | command | does |
//! |---|---|
//! | `cargo xtask test` | every test: with cargo-nextest if it is installed, with `cargo test` if not, and the documentation's examples |
//! | `cargo xtask check` | format, lints, documentation and its generated pages; spelling and dependencies if typos, cargo-deny and cargo-audit are installed |
//! | `cargo xtask ci` | both |
//! | `cargo xtask docs` | writes the generated pages of `docs/`; with `--check` only tells which are not up to date |
//! | `cargo xtask faults [N] [SCENARIO]` | kills, full and broken disks at the system calls of a save, N of each kind at each call, over every method of classification; needs strace |
//! | `cargo xtask fuzz [DOOR] [--seconds N]` | fuzzes the readers of files: by cargo-fuzz with a nightly toolchain, without them by changes of the corpus |
//! | `cargo xtask sanitize` | the unsafe crate's tests under Miri (small shapes) and the address and thread sanitizers; needs a nightly toolchain with miri and rust-src |

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to read"
)]

mod docs;
mod faults;
mod fuzz;
mod test_lists;

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    let done = match env::args().nth(1).as_deref() {
        Some("test") => test(),
        Some("check") => check(),
        Some("ci") => check() && test(),
        Some("docs") => docs::docs(env::args().any(|argument| argument == "--check")),
        Some("fuzz") => fuzz::fuzz(&env::args().skip(2).collect::<Vec<_>>()),
        Some("sanitize") => sanitize(),
        Some("faults") => faults::faults(&env::args().skip(2).collect::<Vec<_>>()),
        _ => {
            eprintln!(
                "usage: cargo xtask test | check | ci | docs [--check] | fuzz | sanitize | faults [N] [SCENARIO]"
            );
            return ExitCode::from(2);
        }
    };
    if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn test() -> bool {
    let examples = cargo(
        "the documentation's examples",
        &["test", "--workspace", "--doc", "--quiet"],
    );
    let tests = if installed("nextest") {
        cargo("tests", &["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        println!("cargo-nextest is not installed; using cargo test");
        cargo("tests", &["test", "--workspace", "--all-targets"])
    };
    examples && tests
}

fn check() -> bool {
    let mut good = cargo("format", &["fmt", "--all", "--check"]);
    good &= cargo(
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny",
            "warnings",
        ],
    );
    // The benches are a workspace of their own.
    let benches = ["--manifest-path", "benches/Cargo.toml"];
    good &= cargo(
        "format of the benches",
        &[&["fmt"], &benches[..], &["--check"]].concat(),
    );
    good &= cargo(
        "lints of the benches",
        &[
            &["clippy", "--all-targets", "--target-dir", "target/benches"],
            &benches[..],
            &["--", "--deny", "warnings"],
        ]
        .concat(),
    );
    good &= with(
        "documentation",
        &["doc", "--workspace", "--no-deps", "--quiet"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    );
    println!("== lists of tests");
    good &= test_lists::complete();
    println!("== generated documentation");
    good &= docs::docs(true);
    if installed("deny") {
        good &= cargo("dependencies", &["deny", "--log-level", "error", "check"]);
    } else {
        println!("skipped: cargo-deny is not installed");
    }
    if installed("audit") {
        good &= cargo("known faults of dependencies", &["audit", "--quiet"]);
    } else {
        println!("skipped: cargo-audit is not installed");
    }
    if Command::new("typos")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok()
    {
        good &= run("spelling", Command::new("typos"));
    } else {
        println!("skipped: typos is not installed");
    }
    good
}

/// The kernels, where all unsafe code is. Miri interprets, without vector instructions, so it gets small
/// shapes; the address sanitizer runs every test on every instruction set; the thread sanitizer, for which
/// the standard library is built too, those that are about threads.
fn sanitize() -> bool {
    const KERNELS: [&str; 2] = ["-p", "potstill-kernels"];
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let nightly = |command: &[&'static str], more: &[&'static str]| {
        [&["+nightly"], command, &KERNELS[..], more].concat()
    };
    let own_target = |name: &'static str| [("CARGO_TARGET_DIR", name)];
    // The allocator keeps its blocks for good: no leak.
    let mut good = with(
        "miri",
        &nightly(&["miri", "test"], &["--lib", "--test", "small_shapes"]),
        &[
            &own_target("target/miri")[..],
            &[("MIRIFLAGS", "-Zmiri-ignore-leaks")],
        ]
        .concat(),
    );
    good &= with(
        "address sanitizer",
        &nightly(&["test"], &["--target", TARGET, "--lib", "--tests"]),
        &[
            &own_target("target/asan")[..],
            &[
                ("RUSTFLAGS", "-Zsanitizer=address"),
                ("ASAN_OPTIONS", "detect_leaks=0"),
            ],
        ]
        .concat(),
    );
    good &= with(
        "thread sanitizer",
        &nightly(
            &["test", "-Zbuild-std"],
            &["--target", TARGET, "--lib", "--test", "small_shapes"],
        ),
        &[
            &own_target("target/tsan")[..],
            &[("RUSTFLAGS", "-Zsanitizer=thread")],
        ]
        .concat(),
    );
    good
}

fn installed(subcommand: &str) -> bool {
    let quiet = Command::new("cargo")
        .args([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

fn cargo(what: &str, arguments: &[&str]) -> bool {
    with(what, arguments, &[])
}

fn with(what: &str, arguments: &[&str], environment: &[(&str, &str)]) -> bool {
    let mut command = Command::new("cargo");
    command.args(arguments).envs(environment.iter().copied());
    run(what, command)
}

fn run(what: &str, mut command: Command) -> bool {
    println!("== {what}");
    let good = command.status().is_ok_and(|status| status.success());
    if !good {
        eprintln!("== {what}: failed");
    }
    good
}
