//! The forward pass that computes.

use burn::{
    module::Param,
    tensor::{Tensor, activation::sigmoid},
};

use crate::{
    Activation, BatchNorm, Border, Conv2d, ForwardPass, Gate, LayerNorm, Linear, Mode, Pass, PointSide,
    Window, WindowAttention, adaptive_avg_pool,
    attention::attend_in_rows,
    avg_pool, channel_norm, channel_shuffle, global_avg_pool, max_pool, resize_bilinear,
    unit::{fused, normalised},
};

impl ForwardPass for Pass<'_> {
    type Map = Tensor<4>;

    fn size(&mut self, map: &Tensor<4>) -> [usize; 2] {
        let [_, height, width, _] = map.dims();
        [height, width]
    }

    fn channels(&self, map: &Tensor<4>) -> usize {
        map.dims()[3]
    }

    fn wants(&self, path: &str, side: PointSide) -> bool {
        Pass::wants(self, path, side)
    }

    fn show(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4> {
        Pass::show(self, path, side, map)
    }

    fn within<R>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> R) -> R {
        Pass::within(self, name, body)
    }

    fn folds(&self) -> bool {
        self.mode() == Mode::Running
    }

    fn convolve(&mut self, x: Tensor<4>, conv: &Conv2d) -> Tensor<4> {
        conv.compute(x, self)
    }

    fn unit(
        &mut self,
        x: Tensor<4>,
        conv: &Conv2d,
        norm: &BatchNorm,
        residual: Option<Tensor<4>>,
        activation: Activation,
    ) -> Tensor<4> {
        fused(x, conv, norm, residual, activation, self)
    }

    fn batch_norm(&mut self, x: Tensor<4>, norm: &BatchNorm, activation: Activation) -> Tensor<4> {
        normalised(x, norm, activation, self)
    }

    fn layer_norm(&mut self, x: Tensor<4>, norm: &LayerNorm) -> Tensor<4> {
        norm.forward(x)
    }

    fn linear(&mut self, x: Tensor<4>, layer: &Linear) -> Tensor<4> {
        layer.forward(x, self)
    }

    fn linear_act(&mut self, x: Tensor<4>, layer: &Linear, activation: Activation) -> Tensor<4> {
        layer.compute(x, activation, None, self)
    }

    fn linear_add(&mut self, x: Tensor<4>, layer: &Linear, shortcut: Tensor<4>) -> Tensor<4> {
        layer.compute(x, Activation::Identity, Some(shortcut), self)
    }

    fn activate(&mut self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        activation.apply(x)
    }

    fn gate(&mut self, x: Tensor<4>, gate: Gate) -> Tensor<4> {
        match gate {
            Gate::Sigmoid => sigmoid(x),
            Gate::HardSigmoid => Activation::Relu6.apply(x + 3.0) * (1.0 / 6.0),
        }
    }

    fn add(&mut self, a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
        a + b
    }

    fn multiply(&mut self, a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
        a * b
    }

    fn times(&mut self, x: Tensor<4>, factor: f64) -> Tensor<4> {
        x * factor
    }

    fn scale(&mut self, x: Tensor<4>, scale: &Param<Tensor<1>>) -> Tensor<4> {
        x * scale.val().unsqueeze::<4>()
    }

    fn inverse_length(&mut self, x: Tensor<4>, scale: &Param<Tensor<1>>) -> Tensor<4> {
        scale.val().reshape([1, 1, 1, 1]) / channel_norm(x)
    }

    fn max_pool(&mut self, x: Tensor<4>, window: Window) -> Tensor<4> {
        max_pool(x, window)
    }

    fn avg_pool(&mut self, x: Tensor<4>, window: Window, border: Border) -> Tensor<4> {
        avg_pool(x, window, border)
    }

    fn mean(&mut self, x: Tensor<4>) -> Tensor<4> {
        global_avg_pool(x)
    }

    fn adaptive_avg_pool(&mut self, x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        adaptive_avg_pool(x, size)
    }

    fn resize_bilinear(&mut self, x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        resize_bilinear(x, size)
    }

    fn shuffle(&mut self, x: Tensor<4>, groups: usize) -> Tensor<4> {
        channel_shuffle(x, groups)
    }

    fn subsample(&mut self, x: Tensor<4>, stride: usize) -> Tensor<4> {
        if stride == 1 {
            return x;
        }
        let stride = stride as isize;
        x.slice(burn::tensor::s![.., ..;stride, ..;stride, ..])
    }

    fn pad_channels(&mut self, x: Tensor<4>, before: usize, after: usize) -> Tensor<4> {
        let [n, height, width, _] = x.dims();
        let zeros = |channels| Tensor::zeros([n, height, width, channels], (&x.device(), x.dtype()));
        Tensor::cat(vec![zeros(before), x.clone(), zeros(after)], 3)
    }

    fn concat(&mut self, maps: Vec<Tensor<4>>, axis: usize) -> Tensor<4> {
        Tensor::cat(maps, axis)
    }

    fn narrow(&mut self, x: Tensor<4>, axis: usize, start: usize, length: usize) -> Tensor<4> {
        x.narrow(axis, start, length)
    }

    fn reshape(&mut self, x: Tensor<4>, [height, width, channels]: [usize; 3]) -> Tensor<4> {
        let [n, ..] = x.dims();
        x.reshape([n, height, width, channels])
    }

    fn with_class_token(
        &mut self,
        tokens: Tensor<4>,
        class: &Param<Tensor<3>>,
        positions: &Param<Tensor<3>>,
    ) -> Tensor<4> {
        let [n, _, _, channels] = tokens.dims();
        let class = class.val().unsqueeze_dim::<4>(1).expand([n, 1, 1, channels]);
        Tensor::cat(vec![class, tokens], 2) + positions.val().unsqueeze_dim(1)
    }

    fn attend(&mut self, rows: Tensor<4>, heads: usize) -> Tensor<4> {
        attend_in_rows(rows, heads, self)
    }

    fn window_attention(&mut self, map: Tensor<4>, layer: &WindowAttention, shifted: bool) -> Tensor<4> {
        layer.forward(map, shifted, self)
    }

    fn window_attention_add(
        &mut self,
        map: Tensor<4>,
        layer: &WindowAttention,
        shifted: bool,
        shortcut: Tensor<4>,
    ) -> Tensor<4> {
        let mixed = layer.mixed(map, shifted, self);
        layer
            .proj
            .compute(mixed, Activation::Identity, Some(shortcut), self)
    }

    fn merge_patches(&mut self, x: Tensor<4>) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        x.reshape([n * h / 2, 2, w / 2, 2, c])
            .permute([0, 2, 3, 1, 4])
            .reshape([n, h / 2, w / 2, 4 * c])
    }
}
