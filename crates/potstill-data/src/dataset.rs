//! What every data set can do.

use std::ops::Deref;
use std::path::Path;

use potstill_settings::choice;

use crate::parallel::guarded;
use crate::{DataError, DatasetInfo, Fingerprint, Image, Sample, Target};

/// Images with an index `0..len` and what is known about each. Reading is `&self` and thread-safe: the
/// loader's workers share one value. The same index gives the same sample each time.
///
/// Three functions make a data set. Those that read a part of a sample have defaults that read all of it;
/// where a target is known without decoding the picture, [`target`](Self::target) is worth writing.
///
/// ```
/// use potstill_data::{DataError, Dataset, DatasetInfo, Image, Sample, Target, TargetKind};
///
/// /// One grey pixel for each number, and whether it is odd.
/// struct Numbers(DatasetInfo);
///
/// impl Dataset for Numbers {
///     fn info(&self) -> &DatasetInfo {
///         &self.0
///     }
///     fn len(&self) -> usize {
///         256
///     }
///     fn sample(&self, index: usize) -> Result<Sample, DataError> {
///         self.in_range(index)?;
///         let image = Image { height: 1, width: 1, channels: 1, pixels: vec![index as u8] };
///         Ok(Sample { image, target: Target::Class(index as u32 % 2) })
///     }
/// }
///
/// let numbers = Numbers(DatasetInfo::new("numbers", TargetKind::Class, ["even", "odd"]));
/// assert_eq!(numbers.label(7)?, 1);
/// assert_eq!(numbers.sample(256).unwrap_err().to_string(), "`numbers` has 256 images, so there is no image 256");
/// # Ok::<(), DataError>(())
/// ```
pub trait Dataset: Send + Sync {
    /// What holds for all images: the name, the classes, the kind of target.
    fn info(&self) -> &DatasetInfo;

    /// How many images there are.
    fn len(&self) -> usize;

    /// Reads and decodes an image with its target.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index that is not below [`len`](Self::len); otherwise what is wrong
    /// with the file, with its name.
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// What is known about an image.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    fn target(&self, index: usize) -> Result<Target, DataError> {
        Ok(self.sample(index)?.target)
    }

    /// Whether an image has a label.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    fn is_labelled(&self, index: usize) -> Result<bool, DataError> {
        Ok(self.target(index)? != Target::None)
    }

    /// Where an image comes from, for messages: a file name, or `record 17 of data_batch_1.bin`.
    fn source(&self, index: usize) -> String {
        format!("image {index} of {}", self.name())
    }

    /// The digest of all images and targets. It is computed by the first call, which reads every image, and
    /// kept.
    ///
    /// # Errors
    /// The first image, by index, that cannot be read.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        let read = |index| guarded(|| self.sample(index), || self.source(index));
        self.info()
            .keep_fingerprint(|| Fingerprint::compute(self.classes().len(), self.len(), read))
    }

    /// The picture alone.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    fn image(&self, index: usize) -> Result<Image, DataError> {
        Ok(self.sample(index)?.image)
    }

    /// Height, width and channels of an image, from its header where it lies in a file.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        Ok(self.image(index)?.shape())
    }

    /// The number of an image in the files of its annotations, by which results are told; its index where there is none.
    fn image_id(&self, index: usize) -> i64 {
        index as i64
    }

    /// The class of an image, an index into [`classes`](Self::classes), in a set for classification.
    ///
    /// # Errors
    /// As [`target`](Self::target); [`DataError::TargetKind`] where targets are of another kind.
    fn label(&self, index: usize) -> Result<u32, DataError> {
        self.target(index)?.class()
    }

    /// A short name for logs: `cifar10 train`.
    fn name(&self) -> &str {
        &self.info().name
    }

    /// The names of the classes, in the order of the labels.
    fn classes(&self) -> &[String] {
        &self.info().classes
    }

    /// True when there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The check that reading an image starts with.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index that is not below [`len`](Self::len).
    fn in_range(&self, index: usize) -> Result<(), DataError> {
        if index < self.len() {
            return Ok(());
        }
        Err(DataError::OutOfRange {
            name: self.name().to_owned(),
            index,
            len: self.len(),
        })
    }
}

/// A shared or boxed data set is a data set.
impl<P> Dataset for P
where
    P: Deref<Target = dyn Dataset> + Send + Sync,
{
    fn info(&self) -> &DatasetInfo {
        (**self).info()
    }
    fn len(&self) -> usize {
        (**self).len()
    }
    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        (**self).sample(index)
    }
    fn target(&self, index: usize) -> Result<Target, DataError> {
        (**self).target(index)
    }
    fn is_labelled(&self, index: usize) -> Result<bool, DataError> {
        (**self).is_labelled(index)
    }
    fn source(&self, index: usize) -> String {
        (**self).source(index)
    }
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        (**self).fingerprint()
    }
    fn image(&self, index: usize) -> Result<Image, DataError> {
        (**self).image(index)
    }
    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        (**self).shape(index)
    }
    fn image_id(&self, index: usize) -> i64 {
        (**self).image_id(index)
    }
}

choice! {
    /// Which part of a data set.
    ///
    /// ```
    /// use potstill_data::{Dataset, Split, open};
    /// let [train, test] = [Split::Train, Split::Test].map(|split| open("shapes:train=30,test=10", split));
    /// assert_eq!((train?.len(), test?.len()), (30, 10));
    /// # Ok::<(), potstill_data::DataError>(())
    /// ```
    pub enum Split {
        /// The images a network learns from.
        Train = "train",
        /// The images by which the best epoch is chosen, in a folder or archive of their own.
        Validation = "val",
        /// The images it is judged by.
        Test = "test",
    }
}

impl Split {
    /// Folder names that hold this split, the preferred one first.
    pub(crate) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Validation => &["val", "valid", "validation"],
            Self::Test => &["test", "testing", "val", "valid", "validation"],
        }
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
