//! Max-pooling that remembers where each largest value was, and unpooling to those places (Zeiler and Fergus 2014, section 2.1).

use burn::tensor::{IndexingUpdateOp, Int, Tensor, module::max_pool2d_with_indices, ops::MaxPoolOptions};

use crate::fast::{Places, pool_with_places, unpool_to};

/// Where the largest value of each window was, for [`max_unpool`].
#[derive(Debug, Clone)]
pub struct PoolIndices {
    /// Height and width of the map that was pooled.
    size: [usize; 2],
    found: Found,
}

#[derive(Debug, Clone)]
enum Found {
    Fast(Places),
    /// `[N, C, h * w]`: the place in the map, row by row.
    Portable(Tensor<3, Int>),
}

impl PoolIndices {
    /// Height and width of the map that was pooled, and of the one that unpooling gives.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }
}

/// The largest value of each of the `window x window` squares side by side, and where it was: of equal ones the first, row by
/// row. Rows and columns that fill no square are left out. `[N, H, W, C]` to `[N, H / window, W / window, C]`.
pub fn max_pool_with_indices(x: Tensor<4>, window: usize) -> (Tensor<4>, PoolIndices) {
    let [n, height, width, channels] = x.dims();
    let size = [height, width];
    if let Some((largest, places)) = pool_with_places(&x, window) {
        let found = Found::Fast(places);
        return (largest, PoolIndices { size, found });
    }
    let options = MaxPoolOptions {
        kernel_size: [window; 2],
        stride: [window; 2],
        padding: [(0, 0); 2],
        dilation: [1; 2],
        ceil_mode: false,
    };
    let (largest, indices) = max_pool2d_with_indices(x.permute([0, 3, 1, 2]), options);
    let [_, _, h, w] = largest.dims();
    let found = Found::Portable(indices.reshape([n, channels, h * w]));
    (largest.permute([0, 2, 3, 1]), PoolIndices { size, found })
}

/// A map of zeros with each value of `x` where the largest value of its window was: `[N, h, w, C]`, of the size that
/// [`max_pool_with_indices`] gave, to `[N, H, W, C]`.
pub fn max_unpool(x: Tensor<4>, indices: &PoolIndices) -> Tensor<4> {
    let [n, h, w, channels] = x.dims();
    let [height, width] = indices.size;
    let at = match &indices.found {
        Found::Fast(places) => match unpool_to(&x, places) {
            Some(map) => return map,
            None => places.indices(&x.device()),
        },
        Found::Portable(at) => at.clone(),
    };
    let values = x.permute([0, 3, 1, 2]).reshape([n, channels, h * w]);
    let zeros = Tensor::zeros([n, channels, height * width], (&values.device(), values.dtype()));
    zeros
        .scatter(2, at, values, IndexingUpdateOp::Add)
        .reshape([n, channels, height, width])
        .permute([0, 2, 3, 1])
}
