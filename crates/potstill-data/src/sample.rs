//! One record of a data set.

use crate::{Image, Target};

/// An image with what is known about it.
///
/// ```
/// use potstill_data::{Image, Sample, Target};
/// let image = Image { height: 1, width: 2, channels: 1, pixels: vec![0, 255] };
/// let sample = Sample { image, target: Target::Class(3) };
/// assert_eq!(sample.target.class()?, 3);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The picture.
    pub image: Image,
    /// What is known about it.
    pub target: Target,
}
