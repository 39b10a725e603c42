//! How a network takes an image: at a low resolution or whole, and normalised.
//!
//! The low-resolution protocol (our design) degrades an image `[H, H]` to `[r, r]`, `H` a multiple of `r`: square windows are
//! averaged, and the small image is enlarged back, so that the network stays as it is. It happens after the augmentation, so that a
//! teacher that sees the whole image sees the same crop, and before the normalisation.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_base::Digest;
use potstill_data::{Batch, DataError, Normalise};
use potstill_models::InputRule;
use potstill_ops::{adaptive_avg_pool, normalise_pixels, resize_bilinear, resize_nearest};
use potstill_recipe::{Enlarge, Input, LowResolution};
use potstill_settings::{ChannelOrder, Choice};

use crate::error::EngineError;

/// How a network takes an image of pixels in `[0, 1]`.
///
/// ```
/// use potstill_engine::{NetworkInput, default_input};
/// use potstill_recipe::{Enlarge, LowResolution};
///
/// let whole = NetworkInput::from(default_input(3));
/// let low = NetworkInput {
///     low_resolution: Some(LowResolution { size: 8, enlarge: Enlarge::None }),
///     ..whole.clone()
/// };
/// assert_eq!((whole.size([32, 32, 3])?, low.size([32, 32, 3])?), ([32, 32, 3], [8, 8, 3]));
/// # Ok::<(), potstill_engine::EngineError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInput {
    /// Degrades the image; none for all of it.
    pub low_resolution: Option<LowResolution>,
    /// In which order the colours of a pixel come; mean and std are in that order.
    pub order: ChannelOrder,
    /// Normalises what is left.
    pub normalise: Normalise,
}

/// The whole image, normalised.
impl From<Normalise> for NetworkInput {
    fn from(normalise: Normalise) -> Self {
        Self {
            low_resolution: None,
            order: ChannelOrder::Rgb,
            normalise,
        }
    }
}

/// As a published network takes it, once it is scaled.
impl From<InputRule> for NetworkInput {
    fn from(rule: InputRule) -> Self {
        let normalise = Normalise {
            mean: rule.mean.into(),
            std: rule.std.into(),
        };
        Self {
            order: rule.order,
            ..normalise.into()
        }
    }
}

impl NetworkInput {
    /// What a recipe asks for; what it leaves out is as `known` from the weights, and else as `usual`.
    pub(crate) fn of(asked: Option<&Input>, known: Option<Self>, usual: impl FnOnce() -> Normalise) -> Self {
        let (normalise, order, low_resolution) = match known {
            Some(known) => (Some(known.normalise), known.order, known.low_resolution),
            None => (None, ChannelOrder::Rgb, None),
        };
        Self {
            low_resolution: asked.and_then(|input| input.low_resolution).or(low_resolution),
            order: asked.and_then(|input| input.order).unwrap_or(order),
            normalise: asked.and_then(normalise_of).or(normalise).unwrap_or_else(usual),
        }
    }

    /// Takes in how an image is taken, by the names and numbers of a recipe: they outlive what a program calls them.
    pub(crate) fn hash(&self, hash: &mut Digest) {
        let Normalise { mean, std } = &self.normalise;
        hash.update(self.order.name());
        for values in [mean, std] {
            hash.update((values.len() as u64).to_le_bytes());
            hash.update_floats(values);
        }
        if let Some(LowResolution { size, enlarge }) = self.low_resolution {
            hash.update((size as u64).to_le_bytes());
            hash.update(enlarge.name());
        }
    }

    /// The size `[H, W, C]` of what the network is given for an image of that size.
    ///
    /// # Errors
    /// [`EngineError::InvalidPlan`] if the image cannot be degraded to this resolution.
    pub fn size(&self, [height, width, channels]: [usize; 3]) -> Result<[usize; 3], EngineError> {
        let Some(LowResolution { size, enlarge }) = self.low_resolution else {
            return Ok([height, width, channels]);
        };
        if size == 0 || height != width || !height.is_multiple_of(size) {
            let reason = format!(
                "it must divide the side of a square image: one of {height}x{width} cannot be degraded to {size}x{size}"
            );
            return Err(EngineError::invalid_plan("low_resolution.size", reason));
        }
        Ok(match enlarge {
            Enlarge::None => [size, size, channels],
            Enlarge::Nearest | Enlarge::Bilinear => [height, width, channels],
        })
    }

    /// Whether images of `[H, W, C]` can be taken so.
    ///
    /// # Errors
    /// As [`size`](Self::size); a normalisation that cannot be used or is for another number of channels.
    pub fn check(&self, image: [usize; 3]) -> Result<(), EngineError> {
        self.normalise.check()?;
        let (given, channels) = (self.normalise.mean.len(), image[2]);
        if given != channels {
            let reason = format!("mean and std have {given} values, the images {channels} channels");
            return Err(EngineError::invalid_plan("mean", reason));
        }
        self.size(image).map(|_| ())
    }

    /// What the network is given for a batch: `[N, H, W, C]` on the plain device.
    ///
    /// # Errors
    /// A normalisation that cannot be used, or is for another number of channels.
    pub fn of_batch(&self, batch: &Batch, device: &Device) -> Result<Tensor<4>, DataError> {
        if self.low_resolution.is_some() {
            let pixels = TensorData::new(batch.images.clone(), batch.shape);
            return Ok(self.of_pixels(Tensor::from_data(pixels, device)));
        }
        let pixels = batch.normalised(&self.in_order_of_pixels())?;
        let pixels = Tensor::from_data(TensorData::new(pixels, batch.shape), device);
        Ok(self.ordered(pixels))
    }

    /// Pixels of red, green, blue in the network's order.
    fn ordered(&self, pixels: Tensor<4>) -> Tensor<4> {
        let channels = pixels.dims()[3];
        match self.order {
            ChannelOrder::Rgb => pixels,
            ChannelOrder::Bgr => {
                let reversed = (0..channels).rev();
                let planes = reversed.map(|channel| pixels.clone().narrow(3, channel, 1));
                Tensor::cat(planes.collect(), 3)
            }
        }
    }

    /// Mean and std in the order of red, green, blue.
    pub(crate) fn in_order_of_pixels(&self) -> Normalise {
        let mut normalise = self.normalise.clone();
        if self.order == ChannelOrder::Bgr {
            normalise.mean.reverse();
            normalise.std.reverse();
        }
        normalise
    }

    /// The same of pixels `[N, H, W, C]` in `[0, 1]`, differentiable.
    pub fn of_pixels(&self, pixels: Tensor<4>) -> Tensor<4> {
        let pixels = match self.low_resolution {
            Some(low_resolution) => degrade(pixels, low_resolution),
            None => pixels,
        };
        normalise_pixels(self.ordered(pixels), &self.normalise.mean, &self.normalise.std)
    }
}

/// `[N, H, H, C]` averaged to `[N, r, r, C]`, and enlarged to the old size unless told not to.
fn degrade(pixels: Tensor<4>, LowResolution { size, enlarge }: LowResolution) -> Tensor<4> {
    let [_, height, width, _] = pixels.dims();
    let small = adaptive_avg_pool(pixels, [size, size]);
    match enlarge {
        Enlarge::Nearest => resize_nearest(small, [height, width]),
        Enlarge::Bilinear => resize_bilinear(small, [height, width]),
        Enlarge::None => small,
    }
}

/// The normalisation that a recipe asks for, if it does.
fn normalise_of(input: &Input) -> Option<Normalise> {
    let floats = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
    let (mean, std) = (input.mean.as_deref()?, input.std.as_deref()?);
    Some(Normalise {
        mean: floats(mean),
        std: floats(std),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use potstill_base::Digest;
    use potstill_data::Normalise;
    use potstill_recipe::{Enlarge, LowResolution};
    use potstill_settings::ChannelOrder;

    use super::NetworkInput;

    #[test]
    fn every_way_to_take_an_image_has_a_digest_of_its_own() {
        let normalised = |mean: f32, std: f32| {
            let (mean, std) = (vec![mean; 3], vec![std; 3]);
            NetworkInput::from(Normalise { mean, std })
        };
        let low = |enlarge| NetworkInput {
            low_resolution: Some(LowResolution { size: 8, enlarge }),
            ..normalised(0.5, 0.25)
        };
        let reversed = NetworkInput {
            order: ChannelOrder::Bgr,
            ..normalised(0.5, 0.25)
        };
        let all = [
            normalised(0.5, 0.25),
            normalised(0.25, 0.5),
            low(Enlarge::Nearest),
            low(Enlarge::None),
            reversed,
        ];
        let digests = all.iter().map(|input| {
            let mut digest = Digest::new();
            input.hash(&mut digest);
            digest.hexadecimal()
        });
        assert_eq!(digests.collect::<BTreeSet<_>>().len(), all.len());
    }
}
