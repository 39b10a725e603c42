//! Which of the folders that are there holds a split.

use super::Request;
use crate::{DataError, Split};

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

/// The first of the names of the split that is asked for for which there is something; `None` where there are no splits at all.
///
/// # Errors
/// There are other splits, which is told of this place.
pub(crate) fn wanted<T>(
    request: &Request<'_>,
    place: &str,
    there: impl Fn(&str) -> Option<T>,
) -> Result<Option<(&'static str, T)>, DataError> {
    let found = find(request.split, &there);
    if found.is_some() || !names().any(|name| there(name).is_some()) {
        return Ok(found);
    }
    Err(missing(request, place, there))
}

/// What to say where the split that is asked for is not among those that are there.
pub(crate) fn missing<T>(request: &Request<'_>, place: &str, there: impl Fn(&str) -> Option<T>) -> DataError {
    let found: Vec<&str> = names().filter(|name| there(name).is_some()).collect();
    let found = match found.len() {
        0 => "none".to_owned(),
        _ => found.join(", "),
    };
    let split = request.split;
    let problem = format!(
        "there is no {split} split: {found} found, one of {} needed",
        split.folders().join(", ")
    );
    request.wrong(place, problem)
}
