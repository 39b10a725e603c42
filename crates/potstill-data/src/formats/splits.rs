//! Which of the folders that are there holds a split.

use crate::Split;

/// The first of the names of a split for which there is something; the preferred name comes first.
pub(crate) fn find<T>(split: Split, found: impl Fn(&str) -> Option<T>) -> Option<(&'static str, T)> {
    split
        .folders()
        .iter()
        .find_map(|&folder| Some((folder, found(folder)?)))
}

/// The names of all splits, each once.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    // Those of validation are among those of tests.
    [Split::Train, Split::Test]
        .into_iter()
        .flat_map(|split| split.folders().iter().copied())
}

/// What to say where there are splits, but not this one.
pub(crate) fn missing(split: Split, found: &[&str]) -> String {
    format!(
        "there is no {split} split: {} found, one of {} needed",
        found.join(", "),
        split.folders().join(", ")
    )
}
