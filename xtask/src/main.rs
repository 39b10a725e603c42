//! The everyday commands, with nothing to install first.
//!
//! | command | does |
//! |---|---|
//! | `cargo xtask test` | every test: with cargo-nextest if it is installed, with `cargo test` if not, and the documentation's examples |
//! | `cargo xtask check` | format, lints, documentation; spelling and dependencies if typos and cargo-deny are installed |
//! | `cargo xtask ci` | both |

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to read"
)]

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    let done = match env::args().nth(1).as_deref() {
        Some("test") => test(),
        Some("check") => check(),
        Some("ci") => check() && test(),
        _ => {
            eprintln!("usage: cargo xtask test | check | ci");
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
        cargo("tests", &["nextest", "run", "--workspace"])
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
    good &= with(
        "documentation",
        &["doc", "--workspace", "--no-deps", "--quiet"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    );
    if installed("deny") {
        good &= cargo("dependencies", &["deny", "--log-level", "error", "check"]);
    } else {
        println!("skipped: cargo-deny is not installed");
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
