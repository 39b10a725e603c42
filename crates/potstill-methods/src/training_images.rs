//! The training images, as a method may ask of them while it is planned.

use std::{fmt, sync::Arc};

use potstill_data::Dataset;

use crate::MethodError;

/// The training images. The index of each is the one that a step tells ([`StudentStep::context`](crate::StudentStep::context)), the same in every
/// epoch.
#[derive(Clone)]
pub struct TrainingImages(Arc<dyn Dataset>);

impl TrainingImages {
    /// The images of this set.
    pub fn new(images: Arc<dyn Dataset>) -> Self {
        Self(images)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The class of each, in their order.
    ///
    /// # Errors
    /// The first image that cannot be read, or has no single class.
    pub fn classes(&self) -> Result<Vec<u32>, MethodError> {
        let classes = (0..self.count()).map(|index| self.0.label(index));
        Ok(classes.collect::<Result<_, _>>()?)
    }
}

impl fmt::Debug for TrainingImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images of `{}`", self.count(), self.0.name())
    }
}
