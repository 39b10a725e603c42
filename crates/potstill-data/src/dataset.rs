//! What every data set for classification can do.

use std::fmt;
use std::ops::Deref;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{DataError, Image};

/// Labelled pictures with an index `0..len`. Reading is `&self` and thread-safe: the loader's workers share one value.
pub trait Dataset: Send + Sync {
    /// A short name for logs: `cifar10 train`.
    fn name(&self) -> &str;

    /// How many images there are.
    fn len(&self) -> usize;

    /// True when there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes, in the order of the labels.
    fn classes(&self) -> &[String];

    /// The class of an image, an index into [`classes`](Self::classes).
    ///
    /// # Panics
    /// Where `index` is not below [`len`](Self::len), as indexing a slice does.
    fn label(&self, index: usize) -> u32;

    /// Reads and decodes an image.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index that is not below [`len`](Self::len); otherwise what is wrong with the
    /// file, with its name.
    fn image(&self, index: usize) -> Result<Image, DataError>;

    /// Where an image comes from, for messages: a file name, or `record 17 of data_batch_1.bin`.
    fn source(&self, index: usize) -> String;

    /// Files that lie among the images but were left out (another format, hidden), for [`crate::check`].
    fn ignored(&self) -> &[String] {
        &[]
    }
}

/// A shared or boxed data set is a data set.
impl<P> Dataset for P
where
    P: Deref<Target = dyn Dataset> + Send + Sync,
{
    fn name(&self) -> &str {
        (**self).name()
    }
    fn len(&self) -> usize {
        (**self).len()
    }
    fn classes(&self) -> &[String] {
        (**self).classes()
    }
    fn label(&self, index: usize) -> u32 {
        (**self).label(index)
    }
    fn image(&self, index: usize) -> Result<Image, DataError> {
        (**self).image(index)
    }
    fn source(&self, index: usize) -> String {
        (**self).source(index)
    }
    fn ignored(&self) -> &[String] {
        (**self).ignored()
    }
}

/// Which part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The images a network learns from.
    Train,
    /// The images it is judged by.
    Test,
}

impl Split {
    /// Folder names that hold this split, the preferred one first.
    pub(crate) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Test => &["test", "testing", "val", "valid", "validation"],
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// What to call a data set at a path: `pets train` for `pets`, `pets.tar.gz` and `pets/train.tar`.
pub(crate) fn name_of(path: &Path, split: Split) -> String {
    let stem = |path: &Path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.split('.').next().unwrap_or_default().to_owned()
    };
    let own = stem(path);
    let is_split = split.folders().contains(&own.as_str());
    let name = if is_split {
        path.parent().map(stem).unwrap_or_default()
    } else {
        own
    };
    format!("{name} {split}").trim_start().to_owned()
}

/// The check that every [`Dataset::image`] starts with.
pub(crate) fn in_range(dataset: &dyn Dataset, index: usize) -> Result<(), DataError> {
    if index < dataset.len() {
        return Ok(());
    }
    Err(DataError::OutOfRange {
        name: dataset.name().to_owned(),
        index,
        len: dataset.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Split, name_of};

    #[test]
    fn names_come_from_paths() {
        let name = |path| name_of(Path::new(path), Split::Train);
        assert_eq!(
            ["a/pets", "pets.tar.gz", "a/pets/train.tar", "pets/train"].map(name),
            ["pets train"; 4]
        );
        assert_eq!(["train.tar", "/"].map(name), ["train"; 2]);
    }
}
