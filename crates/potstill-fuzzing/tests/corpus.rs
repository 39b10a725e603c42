//! Every file of the corpus goes through its door, and a few hundred that differ from them a little.
//!
//! `POTSTILL_FUZZ_SECONDS=3600 cargo test -p potstill-fuzzing --release -- --ignored` goes on for an hour a door.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops; one that takes long says how far it is"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use potstill_fuzzing::{DOORS, Door, changed};
use potstill_random::Seed;

fn corpus(door: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(door);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Sends bytes through a door, and keeps those at which it breaks.
fn through(name: &str, door: Door, bytes: &[u8]) {
    let done = std::panic::catch_unwind(|| door(bytes));
    if done.is_err() {
        let kept = std::env::temp_dir().join(format!("potstill-{name}-finding"));
        fs::write(&kept, bytes).unwrap();
        panic!(
            "`{name}` breaks at {}: put it into fuzz/corpus/{name} when it is mended",
            kept.display()
        );
    }
}

#[test]
fn the_corpus_goes_through() {
    for (name, door) in DOORS {
        for (_, bytes) in corpus(name) {
            through(name, *door, &bytes);
        }
    }
}

#[test]
fn small_changes_go_through() {
    const CHANGES: u64 = 150;
    for (name, door) in DOORS {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        for turn in 0..CHANGES {
            let bytes = changed(&seeds, &mut Seed::new(1).stream(name, &[turn]));
            through(name, *door, &bytes);
        }
    }
}

#[test]
#[ignore = "goes on for POTSTILL_FUZZ_SECONDS a door, 60 if nothing is said"]
fn changes_go_through_for_a_while() {
    let variable = |name: &str| std::env::var(name).ok();
    let seconds = variable("POTSTILL_FUZZ_SECONDS")
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let only = variable("POTSTILL_FUZZ_DOOR");
    let seed = variable("POTSTILL_FUZZ_SEED")
        .and_then(|text| text.parse().ok())
        .unwrap_or(2);
    for (name, door) in DOORS
        .iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let begun = Instant::now();
        let (mut turn, mut longest) = (0, Duration::ZERO);
        while begun.elapsed().as_secs() < seconds {
            let bytes = changed(&seeds, &mut Seed::new(seed).stream(name, &[turn]));
            let before = Instant::now();
            through(name, *door, &bytes);
            longest = longest.max(before.elapsed());
            turn += 1;
        }
        println!("{name}: {turn} files in {seconds} s, the longest took {longest:.2?}");
    }
}
