//! A data set whose images are decoded once.

use std::sync::Arc;
use std::thread;

use crate::dataset::in_range;
use crate::{DataError, Dataset, Image};

/// Another data set with its decoded images kept in memory (height x width x channels bytes each).
pub struct InMemory {
    dataset: Arc<dyn Dataset>,
    images: Vec<Image>,
}

impl InMemory {
    /// Decodes every image on this many threads (at least one).
    ///
    /// # Errors
    /// The first image, by index, that cannot be read.
    pub fn decode(dataset: Arc<dyn Dataset>, threads: usize) -> Result<Self, DataError> {
        let part = dataset.len().div_ceil(threads.max(1)).max(1);
        let decode = |start: usize| -> Result<Vec<Image>, DataError> {
            (start..dataset.len().min(start + part))
                .map(|index| dataset.image(index))
                .collect()
        };
        let parts = thread::scope(|scope| {
            let workers: Vec<_> = (0..dataset.len())
                .step_by(part)
                .map(|start| (start, scope.spawn(move || decode(start))))
                .collect();
            let join = |(start, worker): (usize, thread::ScopedJoinHandle<'_, _>)| {
                worker.join().unwrap_or_else(|_| {
                    let file = format!("an image from {} on", dataset.source(start));
                    Err(DataError::Panic {
                        file,
                        message: "see above".to_owned(),
                    })
                })
            };
            workers.into_iter().map(join).collect::<Result<Vec<_>, _>>()
        })?;
        let images = parts.into_iter().flatten().collect();
        Ok(Self { dataset, images })
    }
}

impl Dataset for InMemory {
    fn name(&self) -> &str {
        self.dataset.name()
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn label(&self, index: usize) -> u32 {
        self.dataset.label(index)
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        in_range(self, index)?;
        Ok(self.images[index].clone())
    }

    fn source(&self, index: usize) -> String {
        self.dataset.source(index)
    }

    fn ignored(&self) -> &[String] {
        self.dataset.ignored()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use crate::decode::tests::png_bytes;
    use crate::{Dataset, ImageFolder, InMemory, Split};

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
        let folder: Arc<dyn Dataset> = Arc::new(ImageFolder::open(dir.path(), Split::Train).unwrap());
        for threads in [0, 1, 3, 20] {
            let memory = InMemory::decode(Arc::clone(&folder), threads).unwrap();
            assert_eq!((memory.len(), memory.image(5).unwrap().pixels[0]), (7, 5));
        }
        fs::write(dir.path().join("cat/4.png"), "broken").unwrap();
        let message = InMemory::decode(folder, 3).err().unwrap().to_string();
        assert!(message.contains("4.png"), "{message}");
    }
}
