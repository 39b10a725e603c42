//! One batch.

use crate::{DataError, Normalise, Target};

/// Images laid out in one array, with their targets.
///
/// ```
/// use potstill_data::{Augment, Loader, LoaderConfig, Split, open};
/// let data = open("shapes:train=8", Split::Train)?;
/// let loader = Loader::new(data.into(), Augment::none(), LoaderConfig { batch: 4, ..LoaderConfig::default() })?;
/// for batch in loader.epoch(0, 0) {
///     let batch = batch?;
///     assert_eq!((batch.shape, batch.labels()?), ([4, 32, 32, 3], batch.indices.iter().map(|&i| i as u32).collect()));
/// }
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[n, height, width, channels]` values in `[0, 1]`, not normalised.
    pub images: Vec<f32>,
    /// `[n, height, width, channels]`.
    pub shape: [usize; 4],
    /// The height and width of each image. What lies to the right of it and below is padding, 0.
    pub valid: Vec<[usize; 2]>,
    /// What is known about each image, in pixels of that image; label maps and masks have its size, without
    /// the padding.
    pub targets: Vec<Target>,
    /// What each image was before any step, if the loader [keeps](crate::LoaderConfig::keep_truth) it; else empty.
    pub truth: Vec<Truth>,
    /// The index of each image in the data set.
    pub indices: Vec<usize>,
    /// A second view of each image, of the same shape, if the loader [makes one](crate::Loader::with_second_view); else empty.
    pub second: Vec<f32>,
}

/// What an image is in its file. Detections are brought back to this size and measured against this target: a step may have moved,
/// cut or dropped something.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Height and width.
    pub size: [usize; 2],
    /// What is known about it.
    pub target: Target,
}

impl Batch {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// True when there is no image.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The places in the batch of the images that have a label.
    pub fn labelled(&self) -> Vec<usize> {
        let is_labelled = |place: &usize| self.targets[*place] != Target::None;
        (0..self.targets.len()).filter(is_labelled).collect()
    }

    /// What is known of the images at these places of the batch; their pixels are left out.
    #[must_use]
    pub fn known_at(&self, places: &[usize]) -> Self {
        let [_, height, width, channels] = self.shape;
        let truth = places.iter().filter_map(|&place| self.truth.get(place));
        Self {
            images: Vec::new(),
            shape: [places.len(), height, width, channels],
            valid: places.iter().map(|&place| self.valid[place]).collect(),
            targets: places.iter().map(|&place| self.targets[place].clone()).collect(),
            truth: truth.cloned().collect(),
            indices: places.iter().map(|&place| self.indices[place]).collect(),
            second: Vec::new(),
        }
    }

    /// The same images in their second view, if there is one.
    #[must_use]
    pub fn in_second_view(&self) -> Option<Self> {
        (!self.second.is_empty()).then(|| Self {
            images: self.second.clone(),
            second: Vec::new(),
            ..self.clone()
        })
    }

    /// The class of each image, for classification.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] where targets are of another kind.
    pub fn labels(&self) -> Result<Vec<u32>, DataError> {
        self.targets.iter().map(Target::class).collect()
    }

    /// The images normalised; padding stays 0, which is then the mean colour.
    ///
    /// # Errors
    /// A normalisation that cannot be used, or is for another number of channels.
    pub fn normalised(&self, normalise: &Normalise) -> Result<Vec<f32>, DataError> {
        let mut pixels = self.images.clone();
        let [_, height, width, channels] = self.shape;
        if !self.is_padded() {
            normalise.apply(&mut pixels, channels)?;
            return Ok(pixels);
        }
        let images = pixels.chunks_exact_mut((height * width * channels).max(1));
        for (image, [valid_height, valid_width]) in images.zip(&self.valid) {
            let lines = image.chunks_exact_mut((width * channels).max(1));
            for line in lines.take(*valid_height) {
                normalise.apply(&mut line[..valid_width * channels], channels)?;
            }
        }
        Ok(pixels)
    }

    /// True when an image is smaller than the batch, so that there is padding.
    pub fn is_padded(&self) -> bool {
        self.valid.iter().any(|valid| *valid != self.shape[1..3])
    }
}
