//! Resizing of channels-last maps.

use burn::tensor::{Int, Tensor, TensorData};

/// Nearest-neighbour resize, source index `floor(i * from / to)` as PyTorch's `nearest`: `[N, H, W, C]` to `[N, h, w, C]`.
pub fn resize_nearest(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let rows = select_nearest(x, 1, h, height);
    select_nearest(rows, 2, w, width)
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
