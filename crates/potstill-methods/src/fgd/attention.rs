//! Where in a map, and in which channels, a network attends to something.

use burn::tensor::{Tensor, activation::softmax};

/// The two attentions of a map.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Of each place, `[N, H W]`; the mean over an image is 1.
    pub spatial: Tensor<2>,
    /// Of each channel, `[N, C]`; the mean over an image is 1.
    pub channel: Tensor<2>,
}

/// The attentions of a map `[N, H, W, C]`: a softmax over the places of the mean absolute value of the channels, and one over the channels of that of the
/// places, both softened by the temperature and multiplied with the number of what they are over.
pub fn attention(map: &Tensor<4>, temperature: f64) -> Attention {
    let [n, h, w, c] = map.dims();
    let size = map.clone().abs().reshape([n, h * w, c]);
    let over = |means: Tensor<2>, count: usize| softmax(means * (1.0 / temperature), 1) * count as f64;
    Attention {
        spatial: over(size.clone().mean_dim(2).reshape([n, h * w]), h * w),
        channel: over(size.mean_dim(1).reshape([n, c]), c),
    }
}
