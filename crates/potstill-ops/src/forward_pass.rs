//! What a forward pass can do. A network's way from images to outputs is written once over it: a [`Pass`](crate::Pass) computes the
//! maps, a [`Trace`](crate::Trace) notes which operations make them.

use burn::{module::Param, tensor::Tensor};

use crate::{
    Activation, BatchNorm, Border, Conv2d, Gate, LayerNorm, Linear, PointSide, Window, WindowAttention,
};

/// A forward pass: the operations that networks are made of, on maps `[N, H, W, C]`. A row of T tokens is a map `[N, 1, T, C]`, and an
/// embedding one `[N, 1, 1, C]`.
pub trait ForwardPass: Sized {
    /// A map `[N, H, W, C]`. A clone is the same map.
    type Map: Clone;

    /// Height and width of a map. A network that asks for them is bound to the size of the images that it is traced with.
    fn size(&mut self, map: &Self::Map) -> [usize; 2];

    /// The channels of a map.
    fn channels(&self, map: &Self::Map) -> usize;

    /// Whether the map at this point is read or kept, or a layer stands there.
    fn wants(&self, path: &str, side: PointSide) -> bool;

    /// Takes the map at this point through the layers that stand there, shows it to whoever wants it, and gives back the map to go on
    /// with.
    fn show(&mut self, path: &str, side: PointSide, map: Self::Map) -> Self::Map;

    /// Runs `body` with the paths of all its points below `name`. An empty name changes nothing.
    fn within<R>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> R) -> R;

    /// Whether a batch norm may be folded into the convolution before it: nothing is learned and no statistics are taken.
    fn folds(&self) -> bool;

    /// `conv(x)`: `[N, H, W, I]` to `[N, H', W', O]`.
    fn convolve(&mut self, x: Self::Map, conv: &Conv2d) -> Self::Map;

    /// `activation(norm(conv(x)) + residual)`: `[N, H, W, I]` to `[N, H', W', O]`.
    fn unit(
        &mut self,
        x: Self::Map,
        conv: &Conv2d,
        norm: &BatchNorm,
        residual: Option<Self::Map>,
        activation: Activation,
    ) -> Self::Map;

    /// `activation(norm(x))`.
    fn batch_norm(&mut self, x: Self::Map, norm: &BatchNorm, activation: Activation) -> Self::Map;

    /// `norm(x)`, each place by itself.
    fn layer_norm(&mut self, x: Self::Map, norm: &LayerNorm) -> Self::Map;

    /// A fully connected layer on the channels of each place: `[N, H, W, I]` to `[N, H, W, O]`.
    fn linear(&mut self, x: Self::Map, layer: &Linear) -> Self::Map;

    /// `activation(layer(x))`.
    fn linear_act(&mut self, x: Self::Map, layer: &Linear, activation: Activation) -> Self::Map {
        let map = self.linear(x, layer);
        self.activate(map, activation)
    }

    /// `shortcut + layer(x)`.
    fn linear_add(&mut self, x: Self::Map, layer: &Linear, shortcut: Self::Map) -> Self::Map {
        let map = self.linear(x, layer);
        self.add(shortcut, map)
    }

    /// `activation(x)`.
    fn activate(&mut self, x: Self::Map, activation: Activation) -> Self::Map;

    /// A number between 0 and 1 of each.
    fn gate(&mut self, x: Self::Map, gate: Gate) -> Self::Map;

    /// The sum of two maps of one size.
    fn add(&mut self, a: Self::Map, b: Self::Map) -> Self::Map;

    /// The product of two maps; where one has a size of 1, its numbers count for all of the other's.
    fn multiply(&mut self, a: Self::Map, b: Self::Map) -> Self::Map;

    /// Every number times this one.
    fn times(&mut self, x: Self::Map, factor: f64) -> Self::Map;

    /// Every channel times a number of its own, `[C]`.
    fn scale(&mut self, x: Self::Map, scale: &Param<Tensor<1>>) -> Self::Map;

    /// `scale / max(|x|, 1e-12)` by the length of the channels of each place, `[N, H, W, 1]`; the scale is `[1]`.
    fn inverse_length(&mut self, x: Self::Map, scale: &Param<Tensor<1>>) -> Self::Map;

    /// The largest value in each window; padding never wins.
    fn max_pool(&mut self, x: Self::Map, window: Window) -> Self::Map;

    /// The mean of each window.
    fn avg_pool(&mut self, x: Self::Map, window: Window, border: Border) -> Self::Map;

    /// The mean over all places, `[N, 1, 1, C]`.
    fn mean(&mut self, x: Self::Map) -> Self::Map;

    /// Means over a grid of this many bins, as PyTorch's adaptive pooling.
    fn adaptive_avg_pool(&mut self, x: Self::Map, size: [usize; 2]) -> Self::Map;

    /// A map of this height and width, bilinear between the places' centres.
    fn resize_bilinear(&mut self, x: Self::Map, size: [usize; 2]) -> Self::Map;

    /// The channels of `groups` groups, dealt out one of each in turn.
    fn shuffle(&mut self, x: Self::Map, groups: usize) -> Self::Map;

    /// Every `stride`-th row and column, the first ones among them.
    fn subsample(&mut self, x: Self::Map, stride: usize) -> Self::Map;

    /// The same with so many channels of zeros before and after.
    fn pad_channels(&mut self, x: Self::Map, before: usize, after: usize) -> Self::Map;

    /// Maps joined along an axis of `[N, H, W, C]`.
    fn concat(&mut self, maps: Vec<Self::Map>, axis: usize) -> Self::Map;

    /// `length` of a map from `start` on, along an axis of `[N, H, W, C]`.
    fn narrow(&mut self, x: Self::Map, axis: usize, start: usize, length: usize) -> Self::Map;

    /// The same numbers in the same order as `[N, H, W, C]` of another height, width and channels.
    fn reshape(&mut self, x: Self::Map, size: [usize; 3]) -> Self::Map;

    /// A class token `[1, 1, C]` before the tokens, and a position `[1, 1 + T, C]` added to each: `[N, 1, T, C]` to `[N, 1, 1 + T, C]`.
    fn with_class_token(
        &mut self,
        tokens: Self::Map,
        class: &Param<Tensor<3>>,
        positions: &Param<Tensor<3>>,
    ) -> Self::Map;

    /// Self-attention of `heads` heads in each row: queries, keys and values `[N, 1, T, 3 C]` to `[N, 1, T, C]`.
    fn attend(&mut self, rows: Self::Map, heads: usize) -> Self::Map;

    /// Self-attention inside of windows, which are moved by half of one if `shifted`.
    fn window_attention(&mut self, map: Self::Map, layer: &WindowAttention, shifted: bool) -> Self::Map;

    /// `shortcut + window_attention(map)`.
    fn window_attention_add(
        &mut self,
        map: Self::Map,
        layer: &WindowAttention,
        shifted: bool,
        shortcut: Self::Map,
    ) -> Self::Map {
        let mixed = self.window_attention(map, layer, shifted);
        self.add(shortcut, mixed)
    }

    /// Squares of 2x2 places as one, column by column: `[N, H, W, C]` to `[N, H / 2, W / 2, 4 C]`.
    fn merge_patches(&mut self, x: Self::Map) -> Self::Map;
}
