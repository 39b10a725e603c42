//! The length of the feature vector at every place of a map.

use burn::tensor::Tensor;

use crate::fast::fast_channel_norm;

/// What a length is at least: a division by it stays a number.
pub(crate) const FLOOR: f32 = 1e-12;

/// Euclidean lengths over the channels, at least 1e-12: `[N, H, W, C]` to `[N, H, W, 1]`. The gradient at the floor is zero.
pub fn channel_norm(x: Tensor<4>) -> Tensor<4> {
    fast_channel_norm(&x).unwrap_or_else(|| {
        let squares = (x.clone() * x).sum_dim(3);
        // The floor comes before the root, whose slope at zero is infinite.
        squares.clamp_min(f64::from(FLOOR).powi(2)).sqrt()
    })
}
