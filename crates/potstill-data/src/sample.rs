//! One record of a data set.

use crate::{DataError, DatasetInfo, Image, Target};

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

impl Sample {
    /// Holds a sample to what its data set says about all of them.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] for another kind of target; [`DataError::Sample`] for a picture without pixels or with
    /// more or fewer values than its size says, and for a target that does not fit the picture or the classes.
    pub fn check(&self, info: &DatasetInfo, index: usize) -> Result<(), DataError> {
        if self.target.kind() != info.target {
            return Err(DataError::TargetKind {
                wanted: info.target,
                found: self.target.kind(),
            });
        }
        let [height, width, channels] = self.image.shape();
        let (values, expected) = (self.image.pixels.len(), height * width * channels);
        let problem = if values != expected || expected == 0 {
            Some(format!(
                "it has {values} values for a size of {height}x{width}x{channels}"
            ))
        } else {
            self.target.problem([height, width], info.classes.len())
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(DataError::Sample {
                name: info.name.clone(),
                index,
                problem,
            }),
        }
    }
}
