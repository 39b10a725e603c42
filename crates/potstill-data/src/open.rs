//! From the name or path of a data set to the data set.

use std::path::Path;

use potstill_base::nearest;

use crate::dataset_entry::OpenRequest;
use crate::formats::{self, Format, Recognised};
use crate::open_path::open_path;
use crate::readable::readable;
use crate::source::{Query, Source};
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
/// * a zip archive of images in class folders;
/// * where boxes, instances or label maps are wanted, a folder, an archive or a file of annotations: COCO's JSON
///   (`coco:FILE?images=FOLDER`), YOLO's `data.yaml`, VOC, Cityscapes, or class maps beside the images. The format is told by the files, or
///   named in front of the path (`coco:`, `yolo:`, `voc:`, `cityscapes:`, `class-maps:`).
///
/// `?split=val` behind a path opens that split, whichever is asked for. A path without splits of its own (class folders without `train/` or `test/` around them) is opened whole
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
        Source::Path(format, path, query) => {
            return open_at(format, path, &query, query.split(split)?, target, options);
        }
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
            reports_mistakes: options.report_mistakes,
        });
    }
    // A folder beside the user is a path even without a separator in it.
    if Path::new(source).exists() {
        return open_at(None, Path::new(source), &Query::default(), split, target, options);
    }
    let known: Vec<String> = registry().iter().map(|entry| entry.name.to_owned()).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(DataError::UnknownName {
        name: name.to_owned(),
        nearest,
        known,
    })
}

/// Opens a path: annotations where objects or label maps are wanted or a format is named, and else images with a class each.
fn open_at(
    format: Option<Format>,
    path: &Path,
    query: &Query<'_>,
    split: Split,
    target: TargetKind,
    options: &OpenOptions,
) -> Result<Box<dyn Dataset>, DataError> {
    let is_dense = matches!(
        target,
        TargetKind::Boxes | TargetKind::Instances | TargetKind::Map
    );
    if !path.exists() {
        return with_targets(open_path(path, split, options)?, target);
    }
    if !(is_dense || format.is_some()) {
        query.only(&[], "images of one class each")?;
        return with_targets(open_path(path, split, options)?, target);
    }
    if let Some(recognised) = Recognised::at(path, format)? {
        return Ok(Box::new(recognised.open(split, target, options, query)?));
    }
    match open_path(path, split, options) {
        Ok(images) => {
            query.only(&[], "images of one class each")?;
            with_targets(images, target)
        }
        Err(DataError::Unrecognised { .. } | DataError::Format { .. }) => Err(DataError::Unrecognised {
            path: path.to_owned(),
            looked_for: formats::looked_for(),
        }),
        Err(other) => Err(other),
    }
}

/// The kinds of targets that a source has, the usual one first: those of an entry of the [`registry`], of annotations, or a class for each
/// image.
///
/// # Errors
/// A source that cannot be read as text; a path that cannot be listed.
pub fn target_kinds(source: &str) -> Result<Vec<TargetKind>, DataError> {
    let (format, path) = match Source::parse(source)? {
        Source::Path(format, path, _) => (format, path),
        Source::Named(name, _) => match DatasetEntry::of(name) {
            Some(entry) => return Ok(entry.targets.to_vec()),
            None => (None, Path::new(source)),
        },
    };
    let recognised = if path.exists() {
        Recognised::at(path, format)?
    } else {
        None
    };
    Ok(recognised.map_or_else(|| vec![TargetKind::Class], |recognised| recognised.offered()))
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
