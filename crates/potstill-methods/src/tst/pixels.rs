//! Between normalised images and 8-bit pictures.

use burn::tensor::{Tensor, TensorData};
use potstill_data::{Image, Normalise, pil_ops::PilOp};
use potstill_ops::{normalise_pixels, restore_pixels};

/// The scale of normalised images.
#[derive(Debug, Clone)]
pub struct PixelRange {
    input: Normalise,
}

impl From<&Normalise> for PixelRange {
    fn from(input: &Normalise) -> Self {
        Self { input: input.clone() }
    }
}

impl PixelRange {
    /// Pixels in `[0, 1]`, `[N, H, W, C]`, to normalised images.
    pub fn normalised(&self, pixels: Tensor<4>) -> Tensor<4> {
        normalise_pixels(pixels, &self.input.mean, &self.input.std)
    }

    /// Normalised images to pixels, not clipped.
    pub fn pixels(&self, x: Tensor<4>) -> Tensor<4> {
        restore_pixels(x, &self.input.mean, &self.input.std)
    }

    /// The 8-bit pictures that normalised images `[N, H, W, C]` are nearest to.
    pub fn pictures(&self, x: &Tensor<4>) -> Vec<Image> {
        let [_, height, width, channels] = x.dims();
        let pixels = self.pixels(x.clone().inner()).into_data();
        let bytes: Vec<u8> = pixels
            .iter::<f32>()
            .map(|value| (value * 255.0 + 0.5).floor().clamp(0.0, 255.0) as u8)
            .collect();
        let picture = |bytes: &[u8]| Image {
            height,
            width,
            channels,
            pixels: bytes.to_vec(),
        };
        bytes
            .chunks_exact((height * width * channels).max(1))
            .map(picture)
            .collect()
    }

    /// What an operation makes of pictures, normalised like `x`, whose pictures they are.
    pub fn operated(&self, pictures: &[Image], operation: PilOp, x: &Tensor<4>) -> Tensor<4> {
        let bytes = pictures
            .iter()
            .flat_map(|picture| operation.apply(picture).pixels);
        let pixels: Vec<f32> = bytes.map(|byte| f32::from(byte) / 255.0).collect();
        let device = x.clone().inner().device();
        self.normalised(Tensor::from_data(
            TensorData::new(pixels, x.dims()),
            (&device, x.dtype()),
        ))
    }
}
