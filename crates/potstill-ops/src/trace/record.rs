//! What a trace notes of each operation.

use std::mem;

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};

use super::{Operation, Trace, TracedMap, TracedNorm, Weight};
use crate::{
    Activation, BatchNorm, Border, Conv2d, Conv2dConfig, ForwardPass, Gate, LayerNorm, Linear, Point,
    PointSide, Window, WindowAttention, pool::mean_weights, resize::bilinear_weights,
};

impl ForwardPass for Trace {
    type Map = TracedMap;

    fn size(&mut self, map: &TracedMap) -> [usize; 2] {
        self.is_sized = true;
        let [height, width, _] = self.size_of(*map);
        [height, width]
    }

    fn channels(&self, map: &TracedMap) -> usize {
        self.size_of(*map)[2]
    }

    fn wants(&self, path: &str, side: PointSide) -> bool {
        let path = self.full(path);
        let is_wanted = |point: &Point| point.side == side && point.path == path;
        self.wanted.iter().any(is_wanted) || self.layers_at(&path, side).next().is_some()
    }

    fn show(&mut self, path: &str, side: PointSide, mut map: TracedMap) -> TracedMap {
        let path = self.full(path);
        let layers: Vec<_> = self.layers_at(&path, side).cloned().collect();
        for layer in layers {
            // The points of an inserted layer have paths from the model's root.
            let prefix = mem::take(&mut self.prefix);
            map = layer.forward(map, self);
            self.prefix = prefix;
        }
        self.points.push((Point { path, side }, map));
        map
    }

    fn within<R>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> R) -> R {
        if name.is_empty() {
            return body(self);
        }
        let inner = self.full(name);
        let outer = mem::replace(&mut self.prefix, inner);
        let result = body(self);
        self.prefix = outer;
        result
    }

    fn folds(&self) -> bool {
        true
    }

    fn convolve(&mut self, x: TracedMap, conv: &Conv2d) -> TracedMap {
        self.convolution(x, conv, None)
    }

    fn unit(
        &mut self,
        x: TracedMap,
        conv: &Conv2d,
        norm: &BatchNorm,
        residual: Option<TracedMap>,
        activation: Activation,
    ) -> TracedMap {
        let mut map = self.convolution(x, conv, Some(TracedNorm::of(norm)));
        if let Some(residual) = residual {
            map = self.add(map, residual);
        }
        self.activate(map, activation)
    }

    fn batch_norm(&mut self, x: TracedMap, norm: &BatchNorm, activation: Activation) -> TracedMap {
        let map = self.keeping_size(Operation::BatchNorm(TracedNorm::of(norm)), x);
        self.activate(map, activation)
    }

    fn layer_norm(&mut self, x: TracedMap, norm: &LayerNorm) -> TracedMap {
        self.keeping_size(Operation::layer_norm(norm), x)
    }

    fn linear(&mut self, x: TracedMap, layer: &Linear) -> TracedMap {
        let [height, width, _] = self.size_of(x);
        let [outputs, _] = layer.weight.dims();
        let operation = Operation::Linear {
            weight: Weight::of(&layer.weight),
            bias: layer.bias.as_ref().map(Weight::of),
        };
        self.push(operation, [x], [height, width, outputs])
    }

    fn activate(&mut self, x: TracedMap, activation: Activation) -> TracedMap {
        match activation {
            Activation::Identity => x,
            _ => self.keeping_size(Operation::Activate(activation), x),
        }
    }

    fn gate(&mut self, x: TracedMap, gate: Gate) -> TracedMap {
        self.keeping_size(Operation::Gate(gate), x)
    }

    fn add(&mut self, a: TracedMap, b: TracedMap) -> TracedMap {
        let size = self.size_of(a);
        self.push(Operation::Add, [a, b], size)
    }

    fn multiply(&mut self, a: TracedMap, b: TracedMap) -> TracedMap {
        let (sizes, others) = (self.size_of(a), self.size_of(b));
        let size = std::array::from_fn(|axis| sizes[axis].max(others[axis]));
        self.push(Operation::Multiply, [a, b], size)
    }

    fn times(&mut self, x: TracedMap, factor: f64) -> TracedMap {
        self.keeping_size(Operation::Times(factor), x)
    }

    fn scale(&mut self, x: TracedMap, scale: &Param<Tensor<1>>) -> TracedMap {
        self.keeping_size(Operation::Scale(Weight::of(scale)), x)
    }

    fn inverse_length(&mut self, x: TracedMap, scale: &Param<Tensor<1>>) -> TracedMap {
        let [height, width, _] = self.size_of(x);
        let operation = Operation::InverseLength(Weight::of(scale));
        self.push(operation, [x], [height, width, 1])
    }

    fn max_pool(&mut self, x: TracedMap, window: Window) -> TracedMap {
        let size = self.windows(x, window);
        self.push(Operation::MaxPool(window), [x], size)
    }

    fn avg_pool(&mut self, x: TracedMap, window: Window, border: Border) -> TracedMap {
        let size = self.windows(x, window);
        self.push(Operation::AvgPool(window, border), [x], size)
    }

    fn mean(&mut self, x: TracedMap) -> TracedMap {
        let channels = self.channels(&x);
        self.push(Operation::Mean, [x], [1, 1, channels])
    }

    fn adaptive_avg_pool(&mut self, x: TracedMap, size: [usize; 2]) -> TracedMap {
        self.resample(x, size, mean_weights)
    }

    fn resize_bilinear(&mut self, x: TracedMap, size: [usize; 2]) -> TracedMap {
        self.resample(x, size, bilinear_weights)
    }

    fn shuffle(&mut self, x: TracedMap, groups: usize) -> TracedMap {
        self.keeping_size(Operation::Shuffle(groups), x)
    }

    fn subsample(&mut self, x: TracedMap, stride: usize) -> TracedMap {
        if stride == 1 {
            return x;
        }
        let [height, width, channels] = self.size_of(x);
        let size = [height.div_ceil(stride), width.div_ceil(stride), channels];
        self.push(Operation::Subsample(stride), [x], size)
    }

    fn pad_channels(&mut self, x: TracedMap, before: usize, after: usize) -> TracedMap {
        let [height, width, channels] = self.size_of(x);
        let size = [height, width, before + channels + after];
        self.push(Operation::PadChannels([before, after]), [x], size)
    }

    fn concat(&mut self, maps: Vec<TracedMap>, axis: usize) -> TracedMap {
        let mut size = self.size_of(maps[0]);
        size[axis - 1] = maps.iter().map(|map| self.size_of(*map)[axis - 1]).sum();
        self.push(Operation::Concat(axis), maps, size)
    }

    fn narrow(&mut self, x: TracedMap, axis: usize, start: usize, length: usize) -> TracedMap {
        let mut size = self.size_of(x);
        size[axis - 1] = length;
        let operation = Operation::Narrow { axis, start, length };
        self.push(operation, [x], size)
    }

    fn reshape(&mut self, x: TracedMap, size: [usize; 3]) -> TracedMap {
        self.is_sized = true;
        self.push(Operation::Reshape, [x], size)
    }

    fn with_class_token(
        &mut self,
        tokens: TracedMap,
        class: &Param<Tensor<3>>,
        positions: &Param<Tensor<3>>,
    ) -> TracedMap {
        self.is_sized = true;
        let [_, count, channels] = self.size_of(tokens);
        let operation = Operation::ClassToken {
            class: Weight::of(class),
            positions: Weight::of(positions),
        };
        self.push(operation, [tokens], [1, 1 + count, channels])
    }

    fn attend(&mut self, rows: TracedMap, heads: usize) -> TracedMap {
        self.attention(rows, heads, None)
    }

    fn window_attention(&mut self, map: TracedMap, layer: &WindowAttention, shifted: bool) -> TracedMap {
        let [height, width] = self.size(&map);
        let channels = self.channels(&map);
        let shift @ [down, right] = layer.shift([height, width], shifted);
        // Up and left: what leaves the map comes in on the other side.
        let moved = self.roll(map, 1, height - down);
        let moved = self.roll(moved, 2, width - right);
        let window = layer.window;
        let (windows, places) = (height * width / (window * window), window * window);
        let rows = self.push(Operation::Partition(window), [moved], [windows, places, channels]);
        let rows = self.linear(rows, &layer.qkv);
        let bias = Weight::made(layer.bias([height, width], shift));
        let mixed = self.attention(rows, layer.heads, Some(bias));
        let mixed = self.linear(mixed, &layer.proj);
        let merged = self.push(Operation::Merge(window), [mixed], [height, width, channels]);
        let moved = self.roll(merged, 1, down);
        self.roll(moved, 2, right)
    }

    fn merge_patches(&mut self, x: TracedMap) -> TracedMap {
        self.is_sized = true;
        let [height, width, channels] = self.size_of(x);
        self.push(
            Operation::MergePatches,
            [x],
            [height / 2, width / 2, 4 * channels],
        )
    }
}

impl Trace {
    fn keeping_size(&mut self, operation: Operation, x: TracedMap) -> TracedMap {
        let size = self.size_of(x);
        self.push(operation, [x], size)
    }

    fn convolution(&mut self, x: TracedMap, conv: &Conv2d, norm: Option<TracedNorm>) -> TracedMap {
        let config = *conv.config();
        let Conv2dConfig {
            outputs,
            kernel,
            stride,
            padding,
            dilation,
            ..
        } = config;
        let [height, width, _] = self.size_of(x);
        let slid = |size: usize, d: usize| {
            (size + 2 * padding[d]).saturating_sub(dilation[d] * (kernel[d] - 1) + 1) / stride[d] + 1
        };
        let operation = Operation::Convolution {
            config,
            weight: Weight::of(&conv.weight),
            bias: conv.bias.as_ref().map(Weight::of),
            norm,
        };
        self.push(operation, [x], [slid(height, 0), slid(width, 1), outputs])
    }

    /// The size of a map of one number for each window.
    fn windows(&self, x: TracedMap, window: Window) -> [usize; 3] {
        let [height, width, channels] = self.size_of(x);
        let Window {
            kernel,
            stride,
            padding,
        } = window;
        let slid = |size: usize, d: usize| (size + 2 * padding[d]).saturating_sub(kernel[d]) / stride[d] + 1;
        [slid(height, 0), slid(width, 1), channels]
    }

    /// A map of this height and width, whose rows and columns take of the old ones what `weights` says.
    fn resample(
        &mut self,
        x: TracedMap,
        size: [usize; 2],
        weights: fn(usize, usize) -> Vec<f64>,
    ) -> TracedMap {
        self.is_sized = true;
        let [height, width, channels] = self.size_of(x);
        if [height, width] == size {
            return x;
        }
        let matrix = |from: usize, to: usize| {
            let weights = weights(from, to).into_iter().map(|weight| weight as f32);
            let data = TensorData::new(weights.collect::<Vec<f32>>(), [to, from]);
            Tensor::<2>::from_data(data, &Device::flex())
        };
        let operation = Operation::Resample {
            rows: Weight::made(matrix(height, size[0])),
            columns: Weight::made(matrix(width, size[1]).transpose()),
        };
        self.push(operation, [x], [size[0], size[1], channels])
    }

    fn attention(&mut self, rows: TracedMap, heads: usize, bias: Option<Weight>) -> TracedMap {
        self.is_sized = true;
        let [height, tokens, triple] = self.size_of(rows);
        self.push(
            Operation::Attend { heads, bias },
            [rows],
            [height, tokens, triple / 3],
        )
    }

    /// The last `first` rows or columns in front of the others.
    fn roll(&mut self, map: TracedMap, axis: usize, first: usize) -> TracedMap {
        let size = self.size_of(map)[axis - 1];
        if first.is_multiple_of(size) {
            return map;
        }
        let tail = self.narrow(map, axis, size - first, first);
        let head = self.narrow(map, axis, 0, size - first);
        self.concat(vec![tail, head], axis)
    }
}
