//! Subtract the mean, divide by the standard deviation, channel by channel.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// `(value - mean) / std` for each channel, of pixels in `[0, 1]`.
///
/// ```
/// use potstill_data::Normalise;
/// let normalise = Normalise { mean: vec![0.5], std: vec![0.25] };
/// let mut pixels = [0.5, 1.0];
/// normalise.apply(&mut pixels, 1)?;
/// assert_eq!(pixels, [0.0, 2.0]);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
///
/// In a recipe: `{ mean = [0.4914, 0.4822, 0.4465], std = [0.2470, 0.2435, 0.2616] }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// One value a channel, in units of pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// One value a channel, greater than 0.
    pub std: Vec<f32>,
}

impl Normalise {
    /// Normalises pixels of so many channels, channels last (`[n, h, w, c]` or `[h, w, c]`), in place.
    ///
    /// # Errors
    /// Where mean and std cannot be used or are for another number of channels, or the pixels are not whole
    /// groups of that many.
    pub fn apply(&self, pixels: &mut [f32], channels: usize) -> Result<(), DataError> {
        self.check()?;
        let given = self.mean.len();
        let problem = if given != channels {
            format!("mean and std have {given} values, the images {channels} channels")
        } else if !pixels.len().is_multiple_of(channels) {
            format!(
                "{} values are no whole pixels of {channels} channels",
                pixels.len()
            )
        } else {
            self.scale(pixels);
            return Ok(());
        };
        Err(DataError::Normalise { problem })
    }

    fn scale(&self, pixels: &mut [f32]) {
        let inverse: Vec<f32> = self.std.iter().map(|std| 1.0 / std).collect();
        for pixel in pixels.chunks_exact_mut(self.mean.len()) {
            for ((value, mean), inverse) in pixel.iter_mut().zip(&self.mean).zip(&inverse) {
                *value = (*value - mean) * inverse;
            }
        }
    }

    /// Says whether the values can be used, for finding a mistake before the first image.
    ///
    /// # Errors
    /// Where mean and std are empty or differ in length, or a value is not finite, or a std is not above 0.
    pub fn check(&self) -> Result<(), DataError> {
        let (mean, std) = (&self.mean, &self.std);
        let problem = if mean.is_empty() || mean.len() != std.len() {
            format!(
                "mean has {} values and std {}; give one for each channel to both",
                mean.len(),
                std.len()
            )
        } else if !mean.iter().all(|value| value.is_finite()) {
            format!("mean {mean:?} has a value that is no number")
        } else if !std.iter().all(|value| value.is_finite() && *value > 0.0) {
            format!("std {std:?} must be above 0 in each channel")
        } else {
            return Ok(());
        };
        Err(DataError::Normalise { problem })
    }
}

#[cfg(test)]
mod tests {
    use super::Normalise;

    #[test]
    fn each_channel_has_its_own_mean_and_std() {
        let normalise = Normalise {
            mean: vec![0.5, 0.0],
            std: vec![0.25, 2.0],
        };
        let mut pixels = [0.5, 1.0, 1.0, -1.0];
        normalise.apply(&mut pixels, 2).unwrap();
        assert_eq!(pixels, [0.0, 0.5, 2.0, -0.5]);
    }

    #[test]
    fn useless_values_are_errors() {
        let message = |mean: &[f32], std: &[f32]| {
            let normalise = Normalise {
                mean: mean.to_vec(),
                std: std.to_vec(),
            };
            normalise
                .apply(&mut [0.0; 3], mean.len())
                .unwrap_err()
                .to_string()
        };
        assert!(message(&[], &[]).contains("mean has 0 values"));
        assert!(message(&[0.5; 3], &[0.5]).contains("std 1"));
        assert!(message(&[0.5], &[0.0]).contains("above 0"));
        assert!(message(&[f32::NAN], &[1.0]).contains("no number"));
        assert!(message(&[0.5; 2], &[1.0; 2]).contains("no whole pixels of 2"));
        let grey = Normalise {
            mean: vec![0.5],
            std: vec![1.0],
        };
        let other = grey.apply(&mut [0.0; 3], 3).unwrap_err().to_string();
        assert!(other.contains("have 1 values, the images 3 channels"), "{other}");
    }
}
