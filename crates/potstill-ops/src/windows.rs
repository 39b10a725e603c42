//! Self-attention inside the windows of a map, every second time with shifted windows (Liu et al. 2021, section 3.2).

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};

use potstill_kernels::AttentionShape;

use crate::{
    Linear, Pass, Scope,
    attention::{attend, products},
    fast::attended,
};

/// Attention inside square windows, with a learned bias for each relative position.
#[derive(Module, Debug)]
pub struct WindowAttention {
    /// `[(2 w - 1)^2, heads]`: the bias of each offset between two places of a window.
    pub relative_position_bias_table: Param<Tensor<2>>,
    pub(crate) qkv: Linear,
    pub(crate) proj: Linear,
    #[module(skip)]
    pub(crate) heads: usize,
    #[module(skip)]
    pub(crate) window: usize,
}

impl WindowAttention {
    /// Windows of `window` x `window` places; weights normal with deviation 0.02, biases 0.
    pub fn new(channels: usize, heads: usize, window: usize, scope: &Scope) -> Self {
        let offsets = (2 * window - 1).pow(2);
        Self {
            relative_position_bias_table: scope.normal(
                "relative_position_bias_table",
                [offsets, heads],
                0.02,
            ),
            qkv: Linear::normal(channels, 3 * channels, 0.02, &scope.at("qkv")),
            proj: Linear::normal(channels, channels, 0.02, &scope.at("proj")),
            heads,
            window,
        }
    }

    /// `[N, H, W, C]` to `[N, H, W, C]`; H and W are multiples of the window. With `shifted` windows the map moves half a window up
    /// and left and comes round the other side, where places that are no neighbours do not see each other. A side of one window
    /// is not shifted.
    pub fn forward(&self, map: Tensor<4>, shifted: bool, pass: &mut Pass<'_>) -> Tensor<4> {
        let mixed = self.mixed(map, shifted, pass);
        self.proj.forward(mixed, pass)
    }

    /// What the windows mix, where it belongs on the map.
    pub(crate) fn mixed(&self, map: Tensor<4>, shifted: bool, pass: &mut Pass<'_>) -> Tensor<4> {
        let [n, h, w, c] = map.dims();
        let shift = self.shift([h, w], shifted);
        let bias = self.bias([h, w], shift);
        let qkv = self.qkv.forward(map, pass);
        let shape = AttentionShape {
            images: n,
            size: [h, w],
            window: [self.window; 2],
            shift,
            heads: self.heads,
            width: c / self.heads,
        };
        if let Some(mixed) = attended(&qkv, shape, Some(&bias)) {
            pass.count(products(shape.sequences(), shape.tokens(), c));
            return mixed;
        }
        let [down, right] = shift.map(|by| by as i64);
        let rows = partition(roll(qkv, [-down, -right]), self.window);
        let mixed = attend(&rows, self.heads, Some(bias), pass);
        roll(merge(mixed, self.window, [n, h, w, c]), [down, right])
    }

    /// By how much a map of this size moves up and left.
    pub(crate) fn shift(&self, size: [usize; 2], shifted: bool) -> [usize; 2] {
        size.map(|size| {
            if shifted && size > self.window {
                self.window / 2
            } else {
                0
            }
        })
    }

    /// What is added to the scores of the T places of each window: `[1, heads, T, T]`, or `[windows, heads, T, T]` where a map of this
    /// size was moved.
    pub(crate) fn bias(&self, size: [usize; 2], shift: [usize; 2]) -> Tensor<4> {
        let bias = self.relative_bias();
        if shift == [0, 0] {
            return bias;
        }
        let mask = mask(size, self.window, shift, &bias.device()).cast(bias.dtype());
        bias + mask
    }

    /// `[1, heads, T, T]` for the T places of a window.
    fn relative_bias(&self) -> Tensor<4> {
        let window = self.window;
        let places = window * window;
        let index = relative_index(window);
        let table = self.relative_position_bias_table.val();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [places * places]), &table.device());
        table
            .select(0, index)
            .reshape([1, places, places, self.heads])
            .permute([0, 3, 1, 2])
    }
}

/// For each pair of places of a window, row-major, the row of the table for their offset.
fn relative_index(window: usize) -> Vec<i32> {
    let places = window * window;
    let offset = |a: usize, b: usize| a + window - 1 - b;
    let index = |pair: usize| {
        let (a, b) = (pair / places, pair % places);
        let rows = offset(a / window, b / window);
        (rows * (2 * window - 1) + offset(a % window, b % window)) as i32
    };
    (0..places * places).map(index).collect()
}

/// 0 for pairs of places that were neighbours before the shift, else -100: `[windows, 1, T, T]`.
fn mask([h, w]: [usize; 2], window: usize, [down, right]: [usize; 2], device: &Device) -> Tensor<4> {
    let band = |at: usize, size: usize, shift: usize| match at {
        _ if shift == 0 || at < size - window => 0,
        _ if at < size - shift => 1,
        _ => 2,
    };
    let places = window * window;
    let region = |group: usize, place: usize| {
        let across = w / window;
        let y = group / across * window + place / window;
        let x = group % across * window + place % window;
        3 * band(y, h, down) + band(x, w, right)
    };
    let windows = h * w / places;
    let values: Vec<f32> = (0..windows * places * places)
        .map(|i| {
            let (group, a, b) = (i / (places * places), i / places % places, i % places);
            if region(group, a) == region(group, b) {
                0.0
            } else {
                -100.0
            }
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [windows, 1, places, places]), device)
}

/// `[N, H, W, C]` to rows of windows `[N * windows, T, C]`.
fn partition(map: Tensor<4>, window: usize) -> Tensor<3> {
    let [n, h, w, c] = map.dims();
    map.reshape([n, h / window, window, w / window, window * c])
        .permute([0, 1, 3, 2, 4])
        .reshape([n * h * w / (window * window), window * window, c])
}

/// The reverse of [`partition`].
fn merge(rows: Tensor<3>, window: usize, [n, h, w, c]: [usize; 4]) -> Tensor<4> {
    rows.reshape([n, h / window, w / window, window, window * c])
        .permute([0, 1, 3, 2, 4])
        .reshape([n, h, w, c])
}

/// Moves a map down and right; what leaves it comes in on the other side.
fn roll(map: Tensor<4>, [down, right]: [i64; 2]) -> Tensor<4> {
    if [down, right] == [0, 0] {
        return map;
    }
    turn(turn(map, 1, down), 2, right)
}

fn turn(map: Tensor<4>, dim: usize, by: i64) -> Tensor<4> {
    let size = map.dims()[dim];
    let first = by.rem_euclid(size.max(1) as i64) as usize;
    if first == 0 {
        return map;
    }
    let tail = map.clone().narrow(dim, size - first, first);
    Tensor::cat(vec![tail, map.narrow(dim, 0, size - first)], dim)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use super::{mask, merge, partition, relative_index, roll};

    fn ramp(shape: [usize; 4]) -> Tensor<4> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter().collect()
    }

    #[test]
    fn offsets_count_from_the_far_corner() {
        // The 2x2 window's index table as in the published code.
        let table = [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4];
        assert_eq!(relative_index(2), table);
    }

    #[test]
    fn windows_are_cut_and_put_together() {
        let map = ramp([2, 4, 6, 3]);
        let rows = partition(map.clone(), 2);
        assert_eq!(rows.dims(), [12, 4, 3]);
        assert_eq!(numbers(rows.clone().slice([1..2, 2..3])), [24.0, 25.0, 26.0]);
        assert_eq!(numbers(merge(rows, 2, [2, 4, 6, 3])), numbers(map));
    }

    #[test]
    fn what_leaves_a_map_comes_in_on_the_other_side() {
        let map = ramp([1, 2, 3, 1]);
        assert_eq!(
            numbers(roll(map.clone(), [-1, -1])),
            [4.0, 5.0, 3.0, 1.0, 2.0, 0.0]
        );
        assert_eq!(numbers(roll(roll(map.clone(), [-1, -2]), [1, 2])), numbers(map));
    }

    #[test]
    fn only_old_neighbours_see_each_other() {
        let mask = mask([4, 4], 2, [1, 1], &Device::flex());
        assert_eq!(mask.dims(), [4, 1, 4, 4]);
        let sees = |window: usize| numbers(mask.clone().narrow(0, window, 1));
        assert!(sees(0).iter().all(|&value| value == 0.0));
        // The last window holds four places from four corners.
        let own = |i: usize| i.is_multiple_of(5);
        assert!((0..16).all(|i| (sees(3)[i] == 0.0) == own(i)));
    }
}
