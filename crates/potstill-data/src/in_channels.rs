//! The same images in as many channels as a network takes.

use std::sync::Arc;

use crate::{DataError, Dataset, DatasetInfo, Image, Sample, Target};

/// A data set whose pictures are made grey, or grey ones made red, green and blue.
pub struct InChannels {
    info: DatasetInfo,
    dataset: Arc<dyn Dataset>,
    channels: usize,
}

impl InChannels {
    /// The images of `dataset` in so many channels.
    pub fn new(dataset: Arc<dyn Dataset>, channels: usize) -> Self {
        Self {
            info: dataset.info().clone(),
            dataset,
            channels,
        }
    }

    fn changed(&self, image: Image, index: usize) -> Result<Image, DataError> {
        let found = image.channels;
        image
            .into_channels(self.channels)
            .ok_or_else(|| DataError::Sample {
                name: self.info.name.clone(),
                index,
                problem: format!("it has {found} channels, and {} are needed", self.channels),
            })
    }
}

impl Dataset for InChannels {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let Sample { image, target } = self.dataset.sample(index)?;
        let image = self.changed(image, index)?;
        Ok(Sample { image, target })
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.dataset.target(index)
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        self.changed(self.dataset.image(index)?, index)
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        let [height, width, _] = self.dataset.shape(index)?;
        Ok([height, width, self.channels])
    }

    fn image_id(&self, index: usize) -> i64 {
        self.dataset.image_id(index)
    }

    fn source(&self, index: usize) -> String {
        self.dataset.source(index)
    }
}
