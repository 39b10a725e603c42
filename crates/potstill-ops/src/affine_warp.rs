//! Images under affine maps, differentiable in both.

use burn::tensor::{Tensor, TensorData, ops::GridSampleOptions};

use crate::fast::warp;

/// Reads each image `[N, H, W, C]` under its own row of `maps` (`[N, 2, 3]`): the new pixel at `(x, y)` is the bilinear mixture
/// of the old ones around `map (x, y, 1)`, zero outside. Coordinates run from -1 to 1 between the outer edges of the image, so
/// that pixel `j` of `n` has its centre at `(2 j + 1) / n - 1` (PyTorch's `affine_grid` and `grid_sample` with
/// `align_corners=False`).
pub fn affine_warp(images: Tensor<4>, maps: Tensor<3>) -> Tensor<4> {
    warp(&images, &maps).unwrap_or_else(|| portable(images, maps))
}

fn portable(images: Tensor<4>, maps: Tensor<3>) -> Tensor<4> {
    let [n, h, w, _] = images.dims();
    let centre = |j: usize, size: usize| (2 * j + 1) as f64 / size as f64 - 1.0;
    let centres: Vec<f64> = (0..h * w)
        .flat_map(|i| [centre(i % w, w), centre(i / w, h), 1.0])
        .collect();
    let centres = Tensor::<3>::from_data(
        TensorData::new(centres, [1, h * w, 3]),
        (&images.device(), images.dtype()),
    );
    let places = centres.expand([n, h * w, 3]).matmul(maps.swap_dims(1, 2));
    images
        .permute([0, 3, 1, 2])
        .grid_sample_2d(places.reshape([n, h, w, 2]), GridSampleOptions::default())
        .permute([0, 2, 3, 1])
}
