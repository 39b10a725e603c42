//! What can be wrong with data: each message says what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use potstill_base::did_you_mean;

use crate::TargetKind;

/// What can be wrong with data.
///
/// ```
/// use potstill_data::{DataError, Split, open};
/// match open("cifar-10", Split::Train).err() {
///     Some(DataError::UnknownName { nearest, .. }) => assert_eq!(nearest.as_deref(), Some("cifar10")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb: `read`, `write`, `list`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file or folder is not there.
    #[error("{} does not exist; {advice}", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What to do.
        advice: String,
    },

    /// A file is not what its format says.
    #[error("{file}, {place}: {problem}")]
    Format {
        /// The file.
        file: String,
        /// The byte, record or archive member.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },

    /// A picture cannot be decoded.
    #[error("{file}: cannot decode this image: {reason}; replace the file or remove it")]
    Decode {
        /// The file.
        file: String,
        /// What the decoder said.
        reason: String,
    },

    /// A picture states more pixels than are allowed.
    #[error(
        "{file} is of {height}x{width} (height x width), {} pixels, and at most {max_pixels} are read; shrink it or remove it, or allow \
         more by the key `data.max_pixels` of a recipe (`--max-pixels` on the command line)",
        (*height as u64).saturating_mul(*width as u64)
    )]
    TooLarge {
        /// The file.
        file: String,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// How many pixels are allowed.
        max_pixels: u64,
    },

    /// A name that is no data set's.
    #[error("there is no data set `{name}`{}; a name ({}) or a path is needed", did_you_mean(nearest.as_deref()), known.join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The most similar valid name.
        nearest: Option<String>,
        /// All valid names.
        known: Vec<String>,
    },

    /// An option behind a data set's name cannot be used.
    #[error("option `{option}` of data set `{dataset}`: {problem}{}", did_you_mean(nearest.as_deref()))]
    DatasetOption {
        /// The data set.
        dataset: String,
        /// The option as written.
        option: String,
        /// What is wrong.
        problem: String,
        /// The most similar valid option.
        nearest: Option<String>,
    },

    /// A path holds nothing that any reader knows.
    #[error("{} holds no data set that can be read; looked for {looked_for}", path.display())]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
        /// The formats that were tried and what each would need.
        looked_for: String,
    },

    /// An index beyond the end.
    #[error("`{name}` has {len} images, so there is no image {index}")]
    OutOfRange {
        /// The data set.
        name: String,
        /// The index that was asked for.
        index: usize,
        /// How many images there are.
        len: usize,
    },

    /// A data set is not of the kind that an option is for.
    #[error("`{name}` {problem}")]
    OpenOption {
        /// The data set.
        name: String,
        /// What it has instead.
        problem: &'static str,
    },

    /// More images cannot be decoded than may be left out.
    #[error(
        "{count} images of `{name}` cannot be read, and at most {allowed} may be left out (`data.skip_unreadable`); the first: {first}"
    )]
    Unreadable {
        /// The data set.
        name: String,
        /// How many cannot be read.
        count: usize,
        /// How many may be left out.
        allowed: usize,
        /// What is wrong with the first.
        first: String,
    },

    /// An image has another kind of target than is needed.
    #[error("each image needs {wanted}, but this one has {found}")]
    TargetKind {
        /// The kind that is needed.
        wanted: TargetKind,
        /// The kind that there is.
        found: TargetKind,
    },

    /// A data set does not have the kind of target that was asked for.
    #[error(
        "`{name}` has {} for each image, not {wanted}: take another data set, or another task",
        joined(given)
    )]
    OtherTargets {
        /// The data set.
        name: String,
        /// The kind that was asked for.
        wanted: TargetKind,
        /// The kinds that can be had.
        given: Vec<TargetKind>,
    },

    /// A data set has classes that a network does not know.
    #[error(
        "`{name}` has {} that the network does not know: {}; the network's classes are {}",
        if unknown.len() == 1 { "a class" } else { "classes" },
        shortened(&unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>()),
        shortened(known)
    )]
    UnknownClasses {
        /// The data set.
        name: String,
        /// The classes that the network does not have, or has twice.
        unknown: Vec<String>,
        /// Those that it has.
        known: Vec<String>,
    },

    /// An image and its target do not fit together, or do not fit their data set.
    #[error("image {index} of `{name}`: {problem}")]
    Sample {
        /// The data set.
        name: String,
        /// The image's index.
        index: usize,
        /// What is wrong.
        problem: String,
    },

    /// A part of a data set that cannot be held back.
    #[error("no part of `{name}` can be held back: {problem}")]
    HoldOut {
        /// The data set.
        name: String,
        /// Why.
        problem: String,
    },

    /// An augmentation cannot work with these settings, or with this image.
    #[error("augmentation `{step}`: {problem}")]
    Augment {
        /// The step as it is called in a recipe.
        step: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },

    /// A wrong normalisation, or pixels that do not fit it.
    #[error("normalisation: {problem}")]
    Normalise {
        /// What is wrong and what to do.
        problem: String,
    },

    /// Settings under which a loader cannot work.
    #[error("loader of `{name}`: {problem}")]
    Loader {
        /// The data set.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },

    /// The loader could not make this image; the cause tells why.
    #[error("image {index} ({file}): {cause}")]
    Image {
        /// The image's index in its data set.
        index: usize,
        /// The file.
        file: String,
        /// What happened.
        cause: Box<DataError>,
    },

    /// More different pairs than a data set has.
    #[error("`{name}` does not have {wanted} different pairs {kind}; ask for fewer pairs or folds")]
    Pairs {
        /// The data set.
        name: String,
        /// How many were asked for.
        wanted: usize,
        /// Of which kind.
        kind: &'static str,
    },

    /// Images of one batch differ in shape.
    #[error(
        "{file} is {}x{}x{} (height, width, channels) where its batch has {}x{}x{}; add a `resize` or \
         `random-resized-crop` step to the augmentation",
        found[0], found[1], found[2], expected[0], expected[1], expected[2]
    )]
    Shape {
        /// The file that differs.
        file: String,
        /// The shape of the first image of the batch.
        expected: [usize; 3],
        /// The shape of this one.
        found: [usize; 3],
    },

    /// A worker thread panicked: a fault of this program, not of the data.
    #[error(
        "reading {file} panicked: {message}; this is a fault of the program, please report it with the file"
    )]
    Panic {
        /// The file that was being read.
        file: String,
        /// The panic's message.
        message: String,
    },

    /// A download did not work.
    #[error("cannot download {url}: {problem}")]
    Download {
        /// The address.
        url: String,
        /// What happened and what to do.
        problem: String,
    },

    /// A file is not the one it should be.
    #[error("{} has md5 {found}, not {expected}; {advice}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its sum as published.
        expected: String,
        /// Its sum as it is.
        found: String,
        /// What to do.
        advice: String,
    },
}

/// `a class or boxes`.
fn joined(kinds: &[TargetKind]) -> String {
    kinds
        .iter()
        .map(TargetKind::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The first names of a list, and how many more there are.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len().checked_sub(SHOWN + 1) {
        None => names.join(", "),
        Some(more) => format!("{} and {} more", names[..SHOWN].join(", "), more + 1),
    }
}

impl DataError {
    /// Turns an [`io::Error`] at `path` into an error that names both.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// A file that is not what its format says, at a place in it.
    pub(crate) fn format(file: &Path, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Format {
            file: file.display().to_string(),
            place: place.into(),
            problem: problem.into(),
        }
    }
}
