//! Average pooling of channels-last maps.

use burn::tensor::{Tensor, module::adaptive_avg_pool2d};

/// The mean over all positions, kept as a 1x1 map: `[N, H, W, C]` to `[N, 1, 1, C]`.
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h * w, c]).mean_dim(1).reshape([n, 1, 1, c])
}

/// Means over a grid of `size` bins, rows `floor(i H / h) .. ceil((i + 1) H / h)` as in PyTorch: `[N, H, W, C]` to
/// `[N, h, w, C]`.
pub fn adaptive_avg_pool(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let [rows, columns] = size;
    match size {
        [1, 1] => global_avg_pool(x),
        _ if size == [h, w] => x,
        // Bins that do not overlap are plain means: no change of layout.
        _ if h.is_multiple_of(rows) && w.is_multiple_of(columns) => {
            let means = x.reshape([n * h * columns, w / columns, c]).mean_dim(1);
            means
                .reshape([n * rows, h / rows, columns * c])
                .mean_dim(1)
                .reshape([n, rows, columns, c])
        }
        _ => adaptive_avg_pool2d(x.permute([0, 3, 1, 2]), size).permute([0, 2, 3, 1]),
    }
}
