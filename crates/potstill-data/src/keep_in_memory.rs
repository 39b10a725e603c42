//! Keeping decoded images where they are small.

use std::sync::Arc;

use crate::{DataError, Dataset, InMemory, TargetKind};

/// The same images decoded once, on this many threads, if all of them need at most `most` bytes; else as they are.
///
/// What they need is known from their shapes, which for files are in their headers: nothing is decoded to know.
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Dataset, Split, keep_in_memory, open};
/// let drawn: Arc<dyn Dataset> = open("shapes:train=20,size=16", Split::Train)?.into();
/// let kept = keep_in_memory(Arc::clone(&drawn), 1 << 20, 1)?;
/// assert_eq!(kept.image(3)?, drawn.image(3)?);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
///
/// # Errors
/// The first image, by index, that cannot be read, or whose header cannot.
pub fn keep_in_memory(
    dataset: Arc<dyn Dataset>,
    most: u64,
    threads: usize,
) -> Result<Arc<dyn Dataset>, DataError> {
    let mut bytes = 0u64;
    // A label map has a byte for each pixel; boxes and outlines are small.
    let labels = u64::from(dataset.info().target == TargetKind::Map);
    for index in 0..dataset.len() {
        let [height, width, channels] = dataset.shape(index)?.map(|side| side as u64);
        let pixels = height.saturating_mul(width);
        bytes = pixels
            .saturating_mul(channels.saturating_add(labels))
            .saturating_add(bytes);
        if bytes > most {
            return Ok(dataset);
        }
    }
    Ok(Arc::new(InMemory::decode(&*dataset, threads)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::keep_in_memory;
    use crate::{DataError, Dataset, DatasetInfo, Image, Sample, Target, TargetKind};

    /// A small image and then large ones; counts what is decoded.
    struct Photos(DatasetInfo, AtomicUsize);

    impl Dataset for Photos {
        fn info(&self) -> &DatasetInfo {
            &self.0
        }
        fn len(&self) -> usize {
            10
        }
        fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
            Ok(if index == 0 { [1, 1, 1] } else { [10, 10, 1] })
        }
        fn sample(&self, index: usize) -> Result<Sample, DataError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let [height, width, channels] = self.shape(index)?;
            let pixels = vec![index as u8; height * width * channels];
            let image = Image {
                height,
                width,
                channels,
                pixels,
            };
            Ok(Sample {
                image,
                target: Target::Class(0),
            })
        }
    }

    #[test]
    fn the_sizes_of_all_images_decide_and_not_that_of_the_first() {
        let photos = Arc::new(Photos(
            DatasetInfo::new("photos", TargetKind::Class, ["a"]),
            AtomicUsize::new(0),
        ));
        let all: Arc<dyn Dataset> = Arc::clone(&photos) as _;
        let kept = keep_in_memory(Arc::clone(&all), 900, 1).unwrap();
        assert_eq!(photos.1.load(Ordering::SeqCst), 0, "901 bytes do not fit");
        assert!(Arc::ptr_eq(&kept, &all));
        let kept = keep_in_memory(all, 901, 2).unwrap();
        assert_eq!(photos.1.load(Ordering::SeqCst), 10);
        assert_eq!(kept.image(7).unwrap().pixels, [7; 100]);
        assert_eq!(photos.1.load(Ordering::SeqCst), 10, "each image is decoded once");
    }
}
