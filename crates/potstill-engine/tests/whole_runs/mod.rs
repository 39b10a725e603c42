//! Runs of a recipe that stands in the test: planned, started, stopped, resumed, and compared to the bit.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use potstill_engine::{EpochProgress, NoObserver, Observer, Outcome, Plan, Run, RunFolder, StepProgress};
use potstill_models::weights::TensorFile;
use potstill_recipe::Recipe;

/// Every tensor of a file by its name, as bits.
pub type Bits = BTreeMap<String, Vec<u32>>;

pub fn recipe(text: &str, overrides: &[&str]) -> Recipe {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    Recipe::from_text(text, "test.toml", &overrides).unwrap()
}

pub fn start(recipe: Recipe, folder: &Path) -> Run {
    let folder = RunFolder::create(folder, false).unwrap();
    Run::start(Plan::new(recipe).unwrap(), folder).unwrap()
}

pub fn resume(recipe: Recipe, folder: &Path) -> Run {
    let folder = RunFolder::open(folder).unwrap();
    Run::resume(Plan::new(recipe).unwrap(), folder).unwrap()
}

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
    pub epoch: usize,
    pub folder: &'a Path,
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
pub fn goes_on_after_each(text: &str, overrides: &[&str], epochs: std::ops::RangeInclusive<usize>) {
    let place = tempfile::tempdir().unwrap();
    for epoch in epochs {
        let [folder, left] = ["whole", "left"].map(|name| place.path().join(format!("{name}-{epoch}")));
        let mut killed = KilledAfter {
            epoch,
            folder: &folder,
            left: &left,
        };
        let mut whole = start(recipe(text, overrides), &folder);
        whole.go(&mut killed, &AtomicBool::new(false)).unwrap();
        finish(&mut resume(recipe(text, overrides), &left));
        assert!(
            checkpoint(&folder) == checkpoint(&left),
            "killed after epoch {epoch}"
        );
    }
}

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
