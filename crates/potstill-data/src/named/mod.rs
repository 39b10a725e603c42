//! The data sets that have names, one file for each: what there is to say about it, and how it is opened.

pub(crate) mod cifar;
pub(crate) mod mnist;
pub(crate) mod shapes;
pub(crate) mod small_dense;

use std::path::{Path, PathBuf};

use crate::DataError;

/// The first of these places in a folder that is there.
fn first_of(root: &Path, places: &[&str], advice: &str) -> Result<PathBuf, DataError> {
    let found = places
        .iter()
        .map(|place| root.join(place))
        .find(|path| path.exists());
    found.ok_or_else(|| DataError::Missing {
        path: root.join(places[0]),
        advice: format!("{advice} (also looked for {})", places[1..].join(", ")),
    })
}
