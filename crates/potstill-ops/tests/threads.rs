//! The fast form gives the same bits on any number of threads.
//!
//! The number is chosen once in a process: the test runs itself again for each.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{env, process::Command};

use crate::cases::Case;
use potstill_ops::{Activation, Conv2dConfig, Mode, set_threads};

const THREADS: &str = "POTSTILL_TEST_THREADS";

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    if let Ok(threads) = env::var(THREADS) {
        assert!(set_threads(threads.parse().unwrap()));
        println!("\ndigest {:016x}", digest());
        return;
    }
    let digests = [1, 2, 3].map(|threads| {
        let itself = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "threads::bits_do_not_depend_on_the_number_of_threads",
                "--nocapture",
            ])
            .env(THREADS, threads.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8(itself.stdout).unwrap();
        said.lines()
            .find(|line| line.starts_with("digest"))
            .map(str::to_owned)
            .unwrap()
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

/// FNV-1a over the bits of outputs, gradients and moments.
fn digest() -> u64 {
    let unit = Case {
        residual: true,
        ..Case::unit([9, 16, 16], Conv2dConfig::new(16, 16, 3))
    };
    let cases = [
        Case {
            activation: Activation::Identity,
            ..unit.clone()
        },
        Case {
            mode: Mode::Running,
            tracked_net: false,
            tracked_x: false,
            ..unit.clone()
        },
        Case::conv([9, 16, 16], Conv2dConfig::new(16, 24, 1).with_bias()),
        unit,
    ];
    let numbers = cases
        .iter()
        .flat_map(|case| case.run().tensors)
        .flat_map(|(_, values)| values);
    numbers.fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}
