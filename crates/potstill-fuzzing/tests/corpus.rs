//! Every file of the corpus goes through its door, and a few hundred that differ from them a little.
//!
//! `POTSTILL_FUZZ_SECONDS=3600 cargo test -p potstill-fuzzing --release -- --ignored` goes on for an hour a door, with changes of its
//! own each time; `POTSTILL_FUZZ_SEED` repeats those of a seed that was printed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops; one that takes long says how far it is"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use potstill_fuzzing::{DOORS, Door, changed};
use potstill_random::Seed;

/// Files that the doors read, each the least changed of its kind.
const SOUND: [(&str, &str); 17] = [
    ("recipe", "sound.toml"),
    ("sweep", "sound.toml"),
    ("image", "8-2.png"),
    ("tar", "sound.tar"),
    ("tar", "sound.tar.gz"),
    ("tar", "sound.zip"),
    ("idx", "sound"),
    ("cifar", "batch.pkl"),
    ("cifar", "batch.bin"),
    ("onnx", "sound.onnx"),
    ("onnx", "branches.onnx"),
    ("metrics", "rows"),
    ("metrics", "summary"),
    ("pth", "sound.pth"),
    ("safetensors", "sound"),
    ("checkpoint", "run"),
    ("checkpoint", "run-of-version-2"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn corpus(door: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = folder().join(door);
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

/// Where bytes are kept at which a door breaks.
fn finding(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("potstill-{name}-finding"))
}

/// Sends bytes through a door, and keeps those at which it breaks.
fn through(name: &str, door: Door, bytes: &[u8]) {
    let done = std::panic::catch_unwind(|| door(bytes));
    if done.is_err() {
        let kept = finding(name);
        fs::write(&kept, bytes).unwrap();
        panic!(
            "`{name}` breaks at {}: put it into fuzz/corpus/{name} when it is mended",
            kept.display()
        );
    }
}

#[test]
#[cfg(feature = "weights")]
fn every_door_has_its_folder_and_every_folder_its_door() {
    let folders: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let doors: BTreeSet<String> = DOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, doors);
}

#[test]
fn sound_files_are_read() {
    for (name, door) in DOORS {
        for (_, file) in SOUND.iter().filter(|(of, _)| of == name) {
            let read = door(&fs::read(folder().join(name).join(file)).unwrap());
            assert_eq!(read, Ok(()), "{name}/{file}");
        }
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
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = variable("POTSTILL_FUZZ_SEED")
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| clock().as_secs());
    println!("POTSTILL_FUZZ_SEED={seed}");
    for (name, door) in DOORS
        .iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let begun = Instant::now();
        let (mut turn, mut longest) = (0, Duration::ZERO);
        while begun.elapsed().as_secs() < seconds {
            let bytes = changed(&seeds, &mut Seed::new(seed).stream(name, &[turn]));
            // Before: what ends the process leaves no time to write.
            fs::write(finding(name), &bytes).unwrap();
            let before = Instant::now();
            through(name, *door, &bytes);
            longest = longest.max(before.elapsed());
            turn += 1;
        }
        let _ = fs::remove_file(finding(name));
        println!("{name}: {turn} files in {seconds} s, the longest took {longest:.2?}");
    }
}
