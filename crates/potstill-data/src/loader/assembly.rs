//! The making of a batch: its images read, augmented and laid out one after the other.

use std::sync::{Arc, OnceLock};

use super::batch::{Batch, Truth};
use super::config::LoaderConfig;
use crate::parallel::guarded;
use crate::{Augment, DataError, Dataset, FloatImage, Target};

/// What all workers of all epochs read.
pub(super) struct Shared {
    pub dataset: Arc<dyn Dataset>,
    pub augment: Augment,
    /// The steps of a second view of each image; none without one.
    pub second: Option<Augment>,
    pub config: LoaderConfig,
    /// Whether each image is upright, once it was asked.
    pub upright: OnceLock<Vec<bool>>,
    /// Whether each image has a label, once it was asked.
    pub labelled: OnceLock<Vec<bool>>,
}

/// Makes the batch of these images.
pub(super) fn make_batch(shared: &Shared, indices: &[usize], epoch: u64) -> Result<Batch, DataError> {
    let mut images = Vec::with_capacity(indices.len());
    let mut targets = Vec::with_capacity(indices.len());
    let (mut truth, mut second) = (Vec::new(), Vec::new());
    for &index in indices {
        let made = guarded(
            || make_image(shared, index, epoch),
            || shared.dataset.source(index),
        )?;
        check_shape(shared, &images, &made.image, index)?;
        if let Some(view) = made.second {
            if view.shape() != made.image.shape() {
                return Err(DataError::Shape {
                    file: shared.dataset.source(index),
                    expected: made.image.shape(),
                    found: view.shape(),
                });
            }
            second.push(view);
        }
        images.push(made.image);
        targets.push(made.target);
        truth.extend(made.truth);
    }
    let valid: Vec<[usize; 2]> = images.iter().map(|image| [image.height, image.width]).collect();
    let side = |axis: usize| {
        let largest = valid.iter().map(|sides| sides[axis]).max().unwrap_or(0);
        if shared.config.pad {
            largest.next_multiple_of(shared.config.pad_multiple.max(1))
        } else {
            largest
        }
    };
    let channels = images.first().map_or(0, |image| image.channels);
    let shape = [images.len(), side(0), side(1), channels];
    Ok(Batch {
        images: laid_out(&images, shape),
        shape,
        valid,
        targets,
        truth,
        indices: indices.to_vec(),
        second: if second.is_empty() {
            Vec::new()
        } else {
            laid_out(&second, shape)
        },
    })
}

/// The next image of a batch must have the shape of the others, or at least their channels if smaller ones
/// are padded.
fn check_shape(
    shared: &Shared,
    images: &[FloatImage],
    next: &FloatImage,
    index: usize,
) -> Result<(), DataError> {
    let Some(first) = images.first() else {
        return Ok(());
    };
    let fits = if shared.config.pad {
        first.channels == next.channels
    } else {
        first.shape() == next.shape()
    };
    if fits {
        return Ok(());
    }
    Err(DataError::Shape {
        file: shared.dataset.source(index),
        expected: first.shape(),
        found: next.shape(),
    })
}

/// The images in the left upper corners of an array of zeros.
fn laid_out(images: &[FloatImage], [count, height, width, channels]: [usize; 4]) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(count * height * width * channels);
    for image in images {
        if image.width == width {
            pixels.extend_from_slice(&image.pixels);
        } else {
            for line in image.pixels.chunks_exact((image.width * channels).max(1)) {
                pixels.extend_from_slice(line);
                pixels.resize(pixels.len() + (width - image.width) * channels, 0.0);
            }
        }
        pixels.resize(pixels.len() + (height - image.height) * width * channels, 0.0);
    }
    pixels
}

/// An image as it goes into a batch.
struct MadeImage {
    image: FloatImage,
    second: Option<FloatImage>,
    target: Target,
    truth: Option<Truth>,
}

/// Reads and augments an image with its target.
fn make_image(shared: &Shared, index: usize, epoch: u64) -> Result<MadeImage, DataError> {
    let Shared {
        dataset,
        augment,
        second,
        config,
        ..
    } = shared;
    let named = |cause| DataError::Image {
        index,
        file: dataset.source(index),
        cause: Box::new(cause),
    };
    let sample = dataset.sample(index)?;
    let truth = config.keep_truth.then(|| Truth {
        size: [sample.image.height, sample.image.width],
        target: sample.target.clone(),
    });
    let (seed, view) = (config.augment_seed(), config.view(epoch));
    let second = second
        .as_ref()
        .map(|steps| steps.apply_second(&sample.image, seed, view, index));
    let second = second.transpose().map_err(named)?;
    let made = augment.apply_to(sample, seed, view, index);
    let (image, target) = made.map_err(named)?;
    Ok(MadeImage {
        image,
        second,
        target,
        truth,
    })
}
