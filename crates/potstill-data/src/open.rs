//! From the name or path of a data set to the data set.

use std::path::Path;

use potstill_base::nearest;

use crate::dataset_entry::OpenRequest;
use crate::open_path::open_path;
use crate::readable::readable;
use crate::source::Source;
use crate::{DataError, Dataset, DatasetEntry, OpenOptions, Split, TargetKind, registry};

/// The folder in which data sets are looked for by name.
pub const DATA_ROOT: &str = "data";

/// Opens a data set for classification by name (looked up in the folder [`DATA_ROOT`]) or by path. See
/// [`open_with`].
///
/// # Errors
/// As [`open_with`].
pub fn open(source: &str, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    open_for(source, split, TargetKind::Class)
}

/// Opens a data set by name (looked up in the folder [`DATA_ROOT`]) or by path, with this kind of target. See
/// [`open_with`].
///
/// ```
/// use potstill_data::{Split, TargetKind, open_for};
/// let scenes = open_for("shapes:size=64,figures=1-4", Split::Train, TargetKind::Boxes)?;
/// assert_eq!(scenes.target(0)?.kind(), TargetKind::Boxes);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
///
/// # Errors
/// As [`open_with`].
pub fn open_for(source: &str, split: Split, target: TargetKind) -> Result<Box<dyn Dataset>, DataError> {
    open_with(source, split, target, &OpenOptions::default())
}

/// Opens a data set.
///
/// `source` is a name of the [`registry`] with options (`cifar10`, `mnist:channels=3`,
/// `shapes:size=48,classes=10`), looked up in the folder `root` of the options; or the path of
/// * a folder with the files of CIFAR or MNIST, with images in class folders, or with `train.tar` and
///   `test.tar`;
/// * a tar archive (plain, gzipped or packed by xz) of CIFAR, or of images in class folders or with labels beside
///   them as WebDataset packs them;
/// * a zip archive of images in class folders.
///
/// A path without splits of its own (class folders without `train/` or `test/` around them) is opened whole
/// for either split.
///
/// # Errors
/// [`DataError::UnknownName`] with the nearest valid name, [`DataError::Unrecognised`] with what was looked
/// for, [`DataError::OtherTargets`] where the data set does not have this kind of target,
/// [`DataError::OpenOption`] for an option that is not for this data set, or what is wrong with the files.
pub fn open_with(
    source: &str,
    split: Split,
    target: TargetKind,
    options: &OpenOptions,
) -> Result<Box<dyn Dataset>, DataError> {
    let opened = open_whole(source, split, target, options)?;
    if options.skip_unreadable == 0 {
        return Ok(opened);
    }
    Ok(Box::new(readable(opened.into(), options.skip_unreadable)?))
}

fn open_whole(
    source: &str,
    split: Split,
    target: TargetKind,
    options: &OpenOptions,
) -> Result<Box<dyn Dataset>, DataError> {
    let (name, own) = match Source::parse(source)? {
        Source::Path(path) => return with_targets(open_path(path, split, options)?, target),
        Source::Named(name, own) => (name, own),
    };
    if let Some(entry) = DatasetEntry::of(name) {
        if !entry.targets.contains(&target) {
            return Err(other_targets(entry.name, entry.targets, target));
        }
        options.check_own_classes(entry.name)?;
        return (entry.open)(&OpenRequest {
            root: &options.root,
            options: &own,
            split,
            target,
        });
    }
    // A folder beside the user is a path even without a separator in it.
    if Path::new(source).exists() {
        return with_targets(open_path(Path::new(source), split, options)?, target);
    }
    let known: Vec<String> = registry().iter().map(|entry| entry.name.to_owned()).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(DataError::UnknownName {
        name: name.to_owned(),
        nearest,
        known,
    })
}

/// The data set, if its targets are of this kind.
fn with_targets(dataset: Box<dyn Dataset>, target: TargetKind) -> Result<Box<dyn Dataset>, DataError> {
    let given = dataset.info().target;
    if given == target {
        return Ok(dataset);
    }
    Err(other_targets(dataset.name(), &[given], target))
}

fn other_targets(name: &str, given: &[TargetKind], wanted: TargetKind) -> DataError {
    DataError::OtherTargets {
        name: name.to_owned(),
        wanted,
        given: given.to_vec(),
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
