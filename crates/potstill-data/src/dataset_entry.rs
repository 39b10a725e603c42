//! What there is to say about a data set that has a name.

use std::path::Path;

use serde::Serialize;

use crate::source::Options;
use crate::{DataError, Dataset, Split, TargetKind};

/// A data set that [`crate::open`] knows by name.
///
/// ```
/// use potstill_data::{DatasetEntry, TargetKind};
/// let entry = DatasetEntry::of("shapes:size=48").unwrap();
/// assert_eq!((entry.name, entry.classes, entry.targets[0]), ("shapes", 12, TargetKind::Class));
/// assert!(DatasetEntry::of("./my/images").is_none());
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct DatasetEntry {
    /// What to write in a recipe.
    pub name: &'static str,
    /// What can be had about each image.
    pub targets: &'static [TargetKind],
    /// How many classes it has (by default, where that is an option).
    pub classes: usize,
    /// Height, width and channels of its images (by default, where that is an option).
    pub shape: [usize; 3],
    /// Whether it has validation images of its own.
    pub has_validation: bool,
    /// One line on what it is and where it is looked for.
    pub description: &'static str,
    /// Mean of the training pixels in `[0, 1]`, one value a channel.
    pub mean: &'static [f32],
    /// Standard deviation of the training pixels, one value a channel.
    pub std: &'static [f32],
    /// Terms of use as its authors state them.
    pub licence: &'static str,
    /// Its files in the network, for [`crate::fetch`].
    pub downloads: &'static [Download<'static>],
    /// Opens it.
    #[serde(skip)]
    pub(crate) open: fn(&OpenRequest<'_>) -> Result<Box<dyn Dataset>, DataError>,
}

/// A file that can be downloaded.
///
/// ```no_run
/// use potstill_data::{Download, download};
/// let file = Download {
///     name: "pets",
///     url: "https://example.org/pets.tar.gz",
///     file: "pets.tar.gz",
///     md5: "9e107d9d372bb6826bd81d3542a419d6",
/// };
/// let path = download(&file, "data".as_ref(), |_| ())?;
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Download<'a> {
    /// What to call it in [`crate::fetch`].
    pub name: &'a str,
    /// Where it is.
    pub url: &'a str,
    /// Its name on disk.
    pub file: &'a str,
    /// Its MD5 sum as published, in hexadecimal.
    pub md5: &'a str,
}

/// What is to be opened of a data set that has a name.
pub(crate) struct OpenRequest<'a> {
    /// The folder in which files are looked for.
    pub root: &'a Path,
    /// What stands behind the name.
    pub options: &'a Options<'a>,
    pub split: Split,
    /// One of the entry's kinds.
    pub target: TargetKind,
    /// Whether annotations that are wrong are only told.
    pub reports_mistakes: bool,
}
