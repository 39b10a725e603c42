//! A data set that is held in memory, decoded.

use crate::parallel::{guarded, map_indices};
use crate::{DataError, Dataset, DatasetInfo, Image, Sample, Target, TargetKind};

/// Decoded images with their targets in memory (height x width x channels bytes for each image).
///
/// ```
/// use potstill_data::{Dataset, Image, InMemory};
/// let grey = |shade| Image { height: 2, width: 2, channels: 1, pixels: vec![shade; 4] };
/// let set = InMemory::classification(vec![grey(10), grey(200), grey(30)], vec![0, 1, 0], ["dark", "light"])?;
/// assert_eq!((set.len(), set.label(1)?, &set.classes()[1][..]), (3, 1, "light"));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
pub struct InMemory {
    info: DatasetInfo,
    samples: Vec<Sample>,
    /// Where each image comes from; nothing for images that were given.
    sources: Vec<String>,
    /// The number of each in its annotations; nothing for images that were given.
    ids: Vec<i64>,
}

impl InMemory {
    /// These images with one class each, an index into the class names. The set is called `images`.
    ///
    /// # Errors
    /// [`DataError::Sample`] for an image without a label or a label without an image, for a class beyond the
    /// names, and for an image with more or fewer values than its size says.
    pub fn classification(
        images: Vec<Image>,
        labels: Vec<u32>,
        classes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, DataError> {
        let info = DatasetInfo::new("images", TargetKind::Class, classes);
        if images.len() != labels.len() {
            return Err(DataError::Sample {
                name: info.name,
                index: images.len().min(labels.len()),
                problem: format!("there are {} images and {} labels", images.len(), labels.len()),
            });
        }
        let sample = |(image, label)| Sample {
            image,
            target: Target::Class(label),
        };
        Self::new(images.into_iter().zip(labels).map(sample).collect(), info)
    }

    /// These images with targets of any kind.
    ///
    /// ```
    /// use potstill_data::{BoundingBox, DatasetInfo, Image, InMemory, LabelledBox, Sample, Target, TargetKind};
    /// let image = Image { height: 8, width: 8, channels: 3, pixels: vec![0; 192] };
    /// let bounds = BoundingBox::new(1.0, 2.0, 5.0, 8.0);
    /// let target = Target::Boxes(vec![LabelledBox::new(0, bounds)]);
    /// let info = DatasetInfo::new("apples", TargetKind::Boxes, ["apple"]);
    /// let apples = InMemory::new(vec![Sample { image, target }], info)?;
    /// # Ok::<(), potstill_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// The first sample that [does not fit](DatasetInfo::check) what `info` says.
    pub fn new(samples: Vec<Sample>, info: DatasetInfo) -> Result<Self, DataError> {
        for (index, sample) in samples.iter().enumerate() {
            info.check(sample, index)?;
        }
        Ok(Self {
            info,
            samples,
            sources: Vec::new(),
            ids: Vec::new(),
        })
    }

    /// Decodes every image of another data set on this many threads (at least one). That one is not kept: an
    /// archive in memory would be there twice.
    ///
    /// # Errors
    /// The first image, by index, that cannot be read.
    pub fn decode(dataset: &dyn Dataset, threads: usize) -> Result<Self, DataError> {
        let samples = map_indices(dataset.len(), threads, |index| {
            guarded(|| dataset.sample(index), || dataset.source(index))
        })?;
        Ok(Self {
            info: dataset.info().clone(),
            samples,
            sources: (0..dataset.len()).map(|index| dataset.source(index)).collect(),
            ids: (0..dataset.len()).map(|index| dataset.image_id(index)).collect(),
        })
    }
}

impl Dataset for InMemory {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.in_range(index)?;
        Ok(self.samples[index].clone())
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(self.samples[index].target.clone())
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        self.in_range(index)?;
        Ok(self.samples[index].image.clone())
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        Ok(self.samples[index].image.shape())
    }

    fn image_id(&self, index: usize) -> i64 {
        self.ids.get(index).copied().unwrap_or(index as i64)
    }

    fn source(&self, index: usize) -> String {
        match self.sources.get(index) {
            Some(source) => source.clone(),
            None => format!("image {index} of {}", self.info.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::decode::tests::png_bytes;
    use crate::{
        Dataset, DatasetInfo, Image, ImageFiles, InMemory, OpenOptions, Sample, Split, Target, TargetKind,
    };

    #[test]
    fn images_outlive_their_files_and_a_broken_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("cat")).unwrap();
        for shade in 0..7 {
            fs::write(
                dir.path().join(format!("cat/{shade}.png")),
                png_bytes(1, 1, 1, &[shade]),
            )
            .unwrap();
        }
        let folder = ImageFiles::open(dir.path(), Split::Train, &OpenOptions::default()).unwrap();
        for threads in [0, 1, 3, 20] {
            let memory = InMemory::decode(&folder, threads).unwrap();
            assert_eq!((memory.len(), memory.image(5).unwrap().pixels[0]), (7, 5));
            assert!(memory.source(5).ends_with("5.png"));
            assert_eq!(memory.fingerprint().unwrap(), folder.fingerprint().unwrap());
        }
        fs::write(dir.path().join("cat/4.png"), "broken").unwrap();
        let message = InMemory::decode(&folder, 3).err().unwrap().to_string();
        assert!(message.contains("4.png"), "{message}");
    }

    #[test]
    fn samples_that_do_not_fit_are_refused() {
        let image = |values| Image {
            height: 1,
            width: 2,
            channels: 1,
            pixels: vec![0; values],
        };
        let message = |images, labels| {
            let refused = InMemory::classification(images, labels, ["one", "two"]);
            refused.err().unwrap().to_string()
        };
        let counts = message(vec![image(2), image(2)], vec![0]);
        assert_eq!(counts, "image 1 of `images`: there are 2 images and 1 labels");
        assert!(
            message(vec![image(2), image(2)], vec![0, 2])
                .contains("image 1 of `images`: its target has class 2")
        );
        assert!(message(vec![image(3)], vec![0]).contains("3 values for a size of 1x2x1"));
        let info = DatasetInfo::new("mine", TargetKind::Classes, ["one"]);
        let sample = Sample {
            image: image(2),
            target: Target::Class(0),
        };
        let kind = InMemory::new(vec![sample], info).err().unwrap().to_string();
        assert_eq!(
            kind,
            "each image needs a set of classes, but this one has a class"
        );
    }
}
