//! One batch: its images read, augmented and laid out one after the other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Shared;
use crate::{DataError, FloatImage};

/// Images of one shape with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[n, height, width, channels]` values in `[0, 1]`, not normalised.
    pub images: Vec<f32>,
    /// `[n, height, width, channels]`.
    pub shape: [usize; 4],
    /// The class of each image.
    pub labels: Vec<u32>,
    /// The index of each image in the data set.
    pub indices: Vec<usize>,
}

impl Batch {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True when there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Makes the batch of these images.
pub(super) fn make_batch(shared: &Shared, indices: &[usize], epoch: u64) -> Result<Batch, DataError> {
    let mut images = Vec::new();
    let mut labels = Vec::with_capacity(indices.len());
    let mut shape = None;
    for &index in indices {
        let (image, label) = make_image(shared, index, epoch)?;
        let expected = *shape.get_or_insert(image.shape());
        if image.shape() != expected {
            let file = shared.dataset.source(index);
            return Err(DataError::Shape {
                file,
                expected,
                found: image.shape(),
            });
        }
        images.reserve_exact(indices.len() * image.pixels.len() - images.len());
        images.extend_from_slice(&image.pixels);
        labels.push(label);
    }
    let [height, width, channels] = shape.unwrap_or_default();
    Ok(Batch {
        images,
        shape: [indices.len(), height, width, channels],
        labels,
        indices: indices.to_vec(),
    })
}

/// Reads and augments an image. A panic becomes an error that names the file: a worker that silently died would leave the
/// iterator waiting, or an epoch short.
fn make_image(shared: &Shared, index: usize, epoch: u64) -> Result<(FloatImage, u32), DataError> {
    let Shared {
        dataset,
        augment,
        config,
    } = shared;
    let named = |cause| DataError::Image {
        index,
        file: dataset.source(index),
        cause: Box::new(cause),
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        let image = dataset.image(index)?;
        let image = augment.apply(&image, config.seed, epoch, index).map_err(named)?;
        Ok((image, dataset.label(index)))
    }));
    made.unwrap_or_else(|panic| {
        let file = catch_unwind(AssertUnwindSafe(|| dataset.source(index)));
        let file = file.unwrap_or_else(|_| format!("image {index} of {}", dataset.name()));
        Err(DataError::Panic {
            file,
            message: panic_message(&*panic),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
