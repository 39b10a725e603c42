//! Resizing of channels-last maps.

use burn::tensor::{Int, Tensor, TensorData};
use potstill_kernels::Axis;

use crate::fast::resampled;

/// Nearest-neighbour resize, source index `floor(i * from / to)` as PyTorch's `nearest`: `[N, H, W, C]` to `[N, h, w, C]`.
pub fn resize_nearest(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let is_whole = [(h, height), (w, width)]
        .iter()
        .all(|(from, to)| *from > 0 && to.is_multiple_of(*from));
    // A whole factor needs no sums of selected rows, either way.
    if !is_whole && let Some(resized) = resampled(&x, [height, width], Axis::nearest) {
        return resized;
    }
    let rows = select_nearest(x, 1, h, height);
    select_nearest(rows, 2, w, width)
}

/// Bilinear resize with the pixels' centres in line (PyTorch's `bilinear` with `align_corners=False`, without antialiasing):
/// `[N, H, W, C]` to `[N, h, w, C]`. Its portable form is two products with interpolation matrices, so that every backend has its
/// gradient.
pub fn resize_bilinear(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    if [h, w] == [height, width] {
        return x;
    }
    if let Some(resized) = resampled(&x, [height, width], Axis::linear) {
        return resized;
    }
    let between = |from, to| {
        let weights = TensorData::new(bilinear_weights(from, to), [1, to, from]);
        Tensor::<3>::from_data(weights, (&x.device(), x.dtype()))
    };
    let (rows, columns) = (between(h, height), between(w, width));
    let mut x = x;
    if h != height {
        x = rows.matmul(x.reshape([n, h, w * c])).reshape([n, height, w, c]);
    }
    if w != width {
        x = columns
            .matmul(x.reshape([n * height, w, c]))
            .reshape([n, height, width, c]);
    }
    x
}

/// What each of `to` pixels takes of each of `from` pixels, row by row.
pub(crate) fn bilinear_weights(from: usize, to: usize) -> Vec<f64> {
    let mut weights = vec![0.0; to * from];
    for (i, row) in weights.chunks_mut(from).enumerate() {
        let centre = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let first = (centre as usize).min(from - 1);
        let share = (centre - first as f64).min(1.0);
        row[first] += 1.0 - share;
        row[(first + 1).min(from - 1)] += share;
    }
    weights
}

fn select_nearest(x: Tensor<4>, dim: usize, from: usize, to: usize) -> Tensor<4> {
    if from == to {
        return x;
    }
    // The tensor library does not expand tensors without elements, but selects from them.
    if to.is_multiple_of(from) && x.shape().num_elements() > 0 {
        return repeat_each(x, dim, to / from);
    }
    let indices: Vec<i32> = nearest_indices(from, to).map(|i| i as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [to]), &x.device());
    x.select(dim, indices)
}

/// Every row (or column) so many times in a row: what nearest-neighbour comes to for a whole factor. The gradient is a plain
/// sum, where that of a selection is gathered index by index.
fn repeat_each(x: Tensor<4>, dim: usize, times: usize) -> Tensor<4> {
    let mut dims = x.dims();
    let (outer, inner) = (
        dims[..=dim].iter().product::<usize>(),
        dims[dim + 1..].iter().product::<usize>(),
    );
    dims[dim] *= times;
    x.reshape([outer, 1, inner])
        .expand([outer, times, inner])
        .reshape(dims)
}

fn nearest_indices(from: usize, to: usize) -> impl Iterator<Item = usize> {
    (0..to).map(move |i| i * from / to)
}

#[cfg(test)]
mod tests {
    use super::nearest_indices;

    #[test]
    fn source_indices_are_the_recorded_ones() {
        let indices = |from, to| nearest_indices(from, to).collect::<Vec<_>>();
        assert_eq!(indices(3, 7), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(indices(4, 10), [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]);
        assert_eq!(indices(7, 14), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
        assert_eq!(indices(5, 3), [0, 1, 3]);
    }
}
