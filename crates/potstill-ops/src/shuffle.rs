//! Shuffling of channels between groups.

use burn::tensor::Tensor;

use crate::fast::fast_channel_shuffle;

/// Deals the channels of `groups` groups out again, one of each in turn, so that the groups of the next convolution see all of
/// them (Zhang et al. 2018, section 3.1): channel `j` of group `i` becomes channel `j * groups + i`. Shape `[N, H, W, C]`, `C`
/// a multiple of `groups`.
pub fn channel_shuffle(x: Tensor<4>, groups: usize) -> Tensor<4> {
    if let Some(map) = fast_channel_shuffle(&x, groups) {
        return map;
    }
    let dims @ [n, h, w, c] = x.dims();
    x.reshape([n * h * w, groups, c / groups])
        .swap_dims(1, 2)
        .reshape(dims)
}
