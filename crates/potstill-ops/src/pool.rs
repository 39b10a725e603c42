//! Pooling of channels-last maps.

use burn::tensor::{
    Tensor,
    module::{adaptive_avg_pool2d, avg_pool2d, max_pool2d},
    ops::{AvgPoolOptions, MaxPoolOptions},
};

use potstill_kernels::{Axis, Summary};

use crate::fast::{resampled, summarise};

/// A window that slides over a map. The output has `floor((size + 2 padding - kernel) / stride) + 1` rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal distance of two windows.
    pub stride: [usize; 2],
    /// Rows and columns added on each side; at most half of the kernel.
    pub padding: [usize; 2],
}

impl Window {
    /// Square windows that do not overlap, without padding.
    pub fn new(kernel: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [kernel; 2],
            padding: [0; 2],
        }
    }

    /// With this stride in both directions.
    #[must_use]
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = [stride; 2];
        self
    }

    /// With this padding on all sides.
    #[must_use]
    pub fn padding(mut self, padding: usize) -> Self {
        self.padding = [padding; 2];
        self
    }
}

/// What a mean is divided by where a window reaches over the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// The size of the window, padding included: PyTorch's default.
    Counted,
    /// The pixels that are there: `count_include_pad=False`.
    LeftOut,
}

/// The largest value in each window; padding never wins. `[N, H, W, C]` to `[N, H', W', C]`.
pub fn max_pool(x: Tensor<4>, window: Window) -> Tensor<4> {
    if let Some(largest) = summarise(&x, window, Summary::Maximum) {
        return largest;
    }
    let options = MaxPoolOptions {
        kernel_size: window.kernel,
        stride: window.stride,
        padding: window.padding.map(|size| (size, size)),
        dilation: [1; 2],
        ceil_mode: false,
    };
    max_pool2d(x.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// The mean of each window. `[N, H, W, C]` to `[N, H', W', C]`.
pub fn avg_pool(x: Tensor<4>, window: Window, border: Border) -> Tensor<4> {
    let padded = border == Border::Counted;
    if let Some(means) = summarise(&x, window, Summary::Mean { padded }) {
        return means;
    }
    let options = AvgPoolOptions {
        kernel_size: window.kernel,
        stride: window.stride,
        padding: window.padding.map(|size| (size, size)),
        count_include_pad: padded,
        ceil_mode: false,
    };
    avg_pool2d(x.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// The mean over all positions, kept as a 1x1 map: `[N, H, W, C]` to `[N, 1, 1, C]`.
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h * w, c]).mean_dim(1).reshape([n, 1, 1, c])
}

/// What each of `to` bins takes of each of `from` rows, bin by bin: the rows `floor(i from / to) .. ceil((i + 1) from / to)`.
pub(crate) fn mean_weights(from: usize, to: usize) -> Vec<f64> {
    let mut weights = vec![0.0; to * from];
    for (i, bin) in weights.chunks_mut(from).enumerate() {
        let (first, end) = (i * from / to, ((i + 1) * from).div_ceil(to));
        bin[first..end].fill(1.0 / (end - first) as f64);
    }
    weights
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
        _ => resampled(&x, size, Axis::means)
            .unwrap_or_else(|| adaptive_avg_pool2d(x.permute([0, 3, 1, 2]), size).permute([0, 2, 3, 1])),
    }
}
