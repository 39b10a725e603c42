//! Whole runs: stopped, killed, resumed, and compared to the bit.

use std::{
    collections::BTreeMap,
    env, fs,
    ops::RangeInclusive,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use potstill_engine::{EpochProgress, NoObserver, Observer, Outcome, Run, StepProgress};
use potstill_models::weights::TensorFile;

use crate::recipe::TestRecipe;

/// Every tensor of a file by its name, as bits.
pub type Bits = BTreeMap<String, Vec<u32>>;

/// Raises the stop flag after so many steps.
pub struct StopAfter<'a>(pub usize, pub &'a AtomicBool);

impl Observer for StopAfter<'_> {
    fn step(&mut self, _: &StepProgress<'_>) {
        self.0 -= 1;
        if self.0 == 0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

/// Goes on for so many steps.
pub fn go_on(run: &mut Run, steps: usize) {
    let stop = AtomicBool::new(false);
    let outcome = run.go(&mut StopAfter(steps, &stop), &stop).unwrap();
    assert_eq!(outcome, Outcome::Interrupted);
}

/// Goes on to the end.
pub fn finish(run: &mut Run) {
    let outcome = run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome, Outcome::Finished);
}

/// Copies the run's folder as it is at the end of an epoch: what a run that is killed then leaves behind.
pub struct KilledAfter<'a> {
    /// From 1.
    pub epoch: usize,
    /// Of the run.
    pub folder: &'a Path,
    /// Where the copy goes.
    pub left: &'a Path,
}

impl Observer for KilledAfter<'_> {
    fn epoch(&mut self, EpochProgress { row, .. }: &EpochProgress<'_>) {
        if row.epoch != self.epoch {
            return;
        }
        fs::create_dir(self.left).unwrap();
        for file in fs::read_dir(self.folder).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), self.left.join(file.file_name())).unwrap();
            }
        }
    }
}

/// Kills a run after each of these epochs, and goes on: each must come to the bits of a whole one.
pub fn goes_on_after_each(recipe: &TestRecipe, changes: &[&str], epochs: RangeInclusive<usize>) {
    let place = tempfile::tempdir().unwrap();
    for epoch in epochs {
        let [folder, left] = ["whole", "left"].map(|name| place.path().join(format!("{name}-{epoch}")));
        let mut killed = KilledAfter {
            epoch,
            folder: &folder,
            left: &left,
        };
        let mut whole = recipe.start(changes, &folder);
        whole.go(&mut killed, &AtomicBool::new(false)).unwrap();
        finish(&mut recipe.resume(changes, &left));
        assert!(
            checkpoint(&folder) == checkpoint(&left),
            "killed after epoch {epoch}"
        );
    }
}

/// The tensors of a file.
pub fn bits(path: &Path) -> Bits {
    let tensors = TensorFile::read(path).unwrap().tensors.into_iter();
    let of = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    tensors.map(|(name, tensor)| (name, of(&tensor.values))).collect()
}

/// The last checkpoint of a run.
pub fn checkpoint(folder: &Path) -> Bits {
    bits(&folder.join("last.safetensors"))
}

/// The tensors whose names begin with `part/`, by the rest of their names.
pub fn part(checkpoint: &Bits, part: &str) -> Bits {
    let beginning = format!("{part}/");
    let own = |(path, values): (&String, &Vec<u32>)| {
        Some((path.strip_prefix(&beginning)?.to_owned(), values.clone()))
    };
    checkpoint.iter().filter_map(own).collect()
}

/// Runs `body`, the body of the test of this name in this module (`module_path!()`), in a folder with an empty cache: in a process of its own, as the
/// environment is the whole process's. The cache is the folder's `cache`.
pub fn with_cache(module: &str, test: &str, body: impl FnOnce(&Path)) {
    if let Ok(place) = env::var("POTSTILL_TEST_PLACE") {
        return body(Path::new(&place));
    }
    // A test is called by its path within its program.
    let within = module.split_once("::").map(|(_, within)| format!("{within}::"));
    let place = tempfile::tempdir().unwrap();
    let ran = Command::new(env::current_exe().unwrap())
        .args([
            &(within.unwrap_or_default() + test),
            "--exact",
            "--nocapture",
            "--include-ignored",
        ])
        .env("POTSTILL_TEST_PLACE", place.path())
        .env("POTSTILL_CACHE", place.path().join("cache"))
        .output()
        .unwrap();
    let [said, complained] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}\n{complained}"
    );
}
