//! Pixels in `[0, 1]` to what networks are trained on, and back: channel by channel, by a mean and a standard
//! deviation.

use burn::tensor::{Tensor, TensorData};

/// `(pixels - mean) / std`, with one mean and one std for each channel of `[N, H, W, C]`.
pub fn normalise_pixels(pixels: Tensor<4>, mean: &[f32], std: &[f32]) -> Tensor<4> {
    // In f32 these are the bits of `1.0 / std` in f32: the quotient of two such numbers, computed in f64 and
    // then rounded, is the correctly rounded one. So are plain slices normalised.
    let inverse = std.iter().map(|&std| 1.0 / f64::from(std));
    let inverse = by_channel(inverse, &pixels);
    let mean = by_channel(mean.iter().map(|&mean| mean.into()), &pixels);
    (pixels - mean) * inverse
}

/// `images * std + mean`: the pixels that were normalised to these images.
pub fn restore_pixels(images: Tensor<4>, mean: &[f32], std: &[f32]) -> Tensor<4> {
    let [mean, std] = [mean, std].map(|values| by_channel(values.iter().map(|&value| value.into()), &images));
    images * std + mean
}

fn by_channel(values: impl Iterator<Item = f64>, like: &Tensor<4>) -> Tensor<4> {
    let values: Vec<f64> = values.collect();
    let shape = [1, 1, 1, values.len()];
    Tensor::from_data(TensorData::new(values, shape), (&like.device(), like.dtype()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, Tensor, TensorData};

    use super::{normalise_pixels, restore_pixels};

    #[test]
    fn the_bits_are_those_of_single_precision() {
        let channels = 997;
        let std: Vec<f32> = (0..channels).map(|at| 0.001 + at as f32 * 0.000_731).collect();
        let mean: Vec<f32> = (0..channels).map(|at| at as f32 * 0.001_3).collect();
        let pixels: Vec<f32> = (0..channels).map(|at| (at * 37 % 256) as f32 / 255.0).collect();
        let tensor = Tensor::<4>::from_data(
            TensorData::new(pixels.clone(), [1, 1, 1, channels]),
            (&Device::flex(), DType::F32),
        );
        let normalised = normalise_pixels(tensor, &mean, &std);
        let found: Vec<f32> = normalised.clone().into_data().iter().collect();
        let expected: Vec<f32> = (0..channels)
            .map(|at| (pixels[at] - mean[at]) * (1.0 / std[at]))
            .collect();
        assert_eq!(found, expected);
        let restored: Vec<f32> = restore_pixels(normalised, &mean, &std)
            .into_data()
            .iter()
            .collect();
        assert!(restored.iter().zip(&pixels).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
