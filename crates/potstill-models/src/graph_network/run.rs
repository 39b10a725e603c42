//! A pass through the steps of a graph.

use burn::tensor::{
    Device, Tensor,
    activation::{log_softmax, softmax},
    ops::PadMode,
};
use potstill_onnx::train_graph::{ConvShape, MapView, Op, PointPlan, Step, Unit, WindowShape};
use potstill_ops::{
    Border, Conv2dConfig, Pass, PointSide, Window, avg_pool, batch_norm, channel_shuffle, conv_norm,
    conv_norm_add, convolution, global_avg_pool, max_pool, resize_bilinear, resize_nearest, show_tokens,
};

use super::{
    GraphNetwork,
    functions::{activation, binary, dropout, instance_norm, prelu, reduce, scalar, standardise, unary},
    layer::Layer,
    value::{Value, map_value, map_values},
};

/// What the steps of a pass have in common.
struct Given {
    /// How many images there are.
    count: usize,
    /// Where the weights are.
    device: Device,
}

impl GraphNetwork {
    /// Logits `[N, K]` of normalised images `[N, H, W, C]`.
    pub(super) fn logits(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let given = Given {
            count: images.dims()[0],
            device: self.device(),
        };
        let mut values: Vec<Option<Value>> = vec![None; self.graph.values];
        values[0] = Some(Value::Four(images));
        for (step, done) in self.graph.steps.iter().zip(self.done.iter()) {
            let inputs = step.inputs.iter().map(|&value| {
                let slot = &mut values[value];
                let taken = if done.contains(&value) {
                    slot.take()
                } else {
                    slot.clone()
                };
                taken.unwrap_or_else(|| unreachable!("a plan makes a value before it reads it"))
            });
            let inputs: Vec<Value> = inputs.collect();
            let value = self.step(step, inputs, &given, pass);
            values[step.output] = Some(match &step.point {
                Some(point) => show(point, value, pass),
                None => value,
            });
        }
        let logits = values[self.graph.logits].take();
        let logits = logits.unwrap_or_else(|| unreachable!("a plan ends with the logits"));
        logits.into_rows()
    }

    fn step(&self, step: &Step, inputs: Vec<Value>, given: &Given, pass: &mut Pass<'_>) -> Value {
        let mut inputs = inputs.into_iter();
        let mut next = || {
            let input = inputs.next();
            input.unwrap_or_else(|| unreachable!("a step has the inputs of its operation"))
        };
        let sizes = |sizes: &[potstill_onnx::train_graph::Size]| -> Vec<usize> {
            sizes.iter().map(|size| size.of(given.count)).collect()
        };
        match &step.op {
            Op::Weight(layer) => self.weight(*layer),
            Op::Constant { shape, values } => Value::of(values, shape, &given.device),
            Op::Conv(layer) => match &self.layers[*layer].layer {
                Layer::Conv(conv) => Value::Four(conv.forward(next().into_map(), pass)),
                _ => unreachable!("a plan states the kind of a layer"),
            },
            Op::ConvBy(shape) => {
                let (map, weight) = (next().into_map(), next().into_map());
                let bias = inputs.next().map(into_row);
                Value::Four(convolved(map, weight, bias, *shape, pass))
            }
            Op::BatchNorm(_) => unreachable!("a plan has batch norms in units"),
            Op::Unit(unit) => {
                let map = next().into_map();
                let residual = unit.adds.then(|| next().into_map());
                Value::Four(self.unit(unit, map, residual, pass))
            }
            Op::Linear(layer) => self.linear(*layer, next(), pass),
            Op::LayerNorm(layer) => match &self.layers[*layer].layer {
                Layer::LayerNorm(norm) => map_value!(next(), x => norm.forward(x)),
                _ => unreachable!("a plan states the kind of a layer"),
            },
            Op::Activate(nonlinearity) => map_value!(next(), x => activation(*nonlinearity).apply(x)),
            Op::Unary(function) => map_value!(next(), x => unary(x, *function)),
            Op::Binary(function) => binary(next(), next(), *function),
            Op::Scalar(function, number, comes_first) => {
                map_value!(next(), x => scalar(x, *function, *number, *comes_first))
            }
            Op::Prelu => prelu(next(), next()),
            Op::MatMul => matmul(next(), next(), pass),
            Op::Softmax(axis) => map_value!(next(), x => softmax(x, *axis)),
            Op::LogSoftmax(axis) => map_value!(next(), x => log_softmax(x, *axis)),
            Op::GlobalMean => Value::Four(global_avg_pool(next().into_map())),
            Op::Reduce(reduction, axes) => reduce(next(), *reduction, axes),
            Op::MaxPool(shape) => Value::Four(max_pool(next().into_map(), window(*shape))),
            Op::AveragePool(shape, counts_padding) => {
                let border = if *counts_padding {
                    Border::Counted
                } else {
                    Border::LeftOut
                };
                Value::Four(avg_pool(next().into_map(), window(*shape), border))
            }
            Op::Pad(sides, number) => {
                map_value!(next(), x => x.pad(sides.as_slice(), PadMode::Constant(*number)))
            }
            Op::Slice {
                axis,
                start,
                end,
                step,
            } => slice(next(), *axis, [*start, *end, *step]),
            Op::Select(axis, places) => next().select(*axis, places),
            Op::Concat(axis) => Value::cat(std::iter::once(next()).chain(inputs).collect(), *axis),
            Op::Reshape(made) => next().reshape(&sizes(made)),
            Op::Permute(order) => next().permute(order),
            Op::Expand(made) => next().expand(&sizes(made)),
            Op::Shuffle(groups) => Value::Four(channel_shuffle(next().into_map(), *groups)),
            Op::Nearest(size) => Value::Four(resize_nearest(next().into_map(), *size)),
            Op::Bilinear(size) => Value::Four(resize_bilinear(next().into_map(), *size)),
            Op::InstanceNorm(epsilon) => instance_norm(next(), *epsilon),
            Op::Dropout(ratio, name) => match pass.stream(name) {
                Some(mut stream) => dropout(next(), *ratio, &mut stream, &given.device),
                None => next(),
            },
            Op::Standardise(epsilon) => map_value!(next(), x => standardise(x, *epsilon)),
        }
    }

    fn weight(&self, layer: usize) -> Value {
        match &self.layers[layer].layer {
            Layer::Loose(weight) => weight.value(),
            _ => unreachable!("a plan states the kind of a layer"),
        }
    }

    fn linear(&self, layer: usize, rows: Value, pass: &mut Pass<'_>) -> Value {
        match &self.layers[layer].layer {
            Layer::Linear(linear) => map_value!(rows, x => linear.forward(x, pass)),
            Layer::Transposed { weight, bias } => {
                let mut dims = rows.dims();
                let [inputs, outputs] = weight.dims();
                let count = dims.iter().product::<usize>() / inputs.max(1);
                pass.count((count * inputs * outputs) as u64);
                let made = rows.reshape(&[count, inputs]).into_rows().matmul(weight.val());
                let made = match bias {
                    Some(bias) => made + bias.val().unsqueeze(),
                    None => made,
                };
                if let Some(last) = dims.last_mut() {
                    *last = outputs;
                }
                Value::Two(made).reshape(&dims)
            }
            _ => unreachable!("a plan states the kind of a layer"),
        }
    }

    /// A unit, in parts where somebody reads what lies inside.
    fn unit(&self, unit: &Unit, x: Tensor<4>, residual: Option<Tensor<4>>, pass: &mut Pass<'_>) -> Tensor<4> {
        let (Layer::BatchNorm(norm) | Layer::PlainNorm(norm)) = &self.layers[unit.norm].layer else {
            unreachable!("a plan states the kind of a layer");
        };
        let conv = unit.conv.map(|layer| match &self.layers[layer].layer {
            Layer::Conv(conv) => conv,
            _ => unreachable!("a plan states the kind of a layer"),
        });
        let [after_conv, after_norm, after_sum] = &unit.inside;
        let end = activation(unit.activation);
        let (mut x, mut conv) = (x, conv);
        if let (Some(name), Some(first)) = (wanted(after_conv.as_deref(), pass), conv) {
            let map = first.forward(x, pass);
            x = pass.show(name, PointSide::Post, map);
            conv = None;
        }
        let normalised = |x, activation, pass: &mut Pass<'_>| match conv {
            Some(conv) => conv_norm(x, conv, norm, activation, pass),
            None => batch_norm(x, norm, activation, pass),
        };
        if let Some(name) = wanted(after_norm.as_deref(), pass) {
            let map = normalised(x, potstill_ops::Activation::Identity, pass);
            x = pass.show(name, PointSide::Post, map);
        } else {
            match (residual, conv, wanted(after_sum.as_deref(), pass)) {
                (None, _, _) => return normalised(x, end, pass),
                (Some(residual), Some(conv), None) => {
                    return conv_norm_add(x, conv, norm, residual, end, pass);
                }
                (Some(residual), Some(conv), Some(name)) => {
                    let identity = potstill_ops::Activation::Identity;
                    let map = conv_norm_add(x, conv, norm, residual, identity, pass);
                    return end.apply(pass.show(name, PointSide::Post, map));
                }
                (Some(residual), None, name) => {
                    let map = normalised(x, potstill_ops::Activation::Identity, pass) + residual;
                    return end.apply(match name {
                        Some(name) => pass.show(name, PointSide::Post, map),
                        None => map,
                    });
                }
            }
        }
        if let Some(residual) = residual {
            x = x + residual;
            if let Some(name) = wanted(after_sum.as_deref(), pass) {
                x = pass.show(name, PointSide::Post, x);
            }
        }
        end.apply(x)
    }
}

/// The name of a map inside a unit, if somebody reads it.
fn wanted<'n>(name: Option<&'n str>, pass: &Pass<'_>) -> Option<&'n str> {
    name.filter(|name| pass.wants(name, PointSide::Post))
}

/// Shows a value as the map that it is, and goes on with what comes back.
fn show(point: &PointPlan, value: Value, pass: &mut Pass<'_>) -> Value {
    if !pass.wants(&point.name, PointSide::Post) {
        return value;
    }
    match point.view {
        MapView::Map(axes) => {
            let map = value.permute(&axes).into_map();
            let map = pass.show(&point.name, PointSide::Post, map);
            let mut back = [0; 4];
            for (place, &axis) in axes.iter().enumerate() {
                back[axis] = place;
            }
            Value::Four(map).permute(&back)
        }
        MapView::Tokens { skipped, side } => {
            let dims = value.dims();
            let tokens = value.reshape(&[dims[0], 1, dims[1], dims[2]]).into_map();
            let tokens = show_tokens(tokens, skipped, [side; 2], &point.name, pass);
            Value::Four(tokens).reshape(&dims)
        }
        MapView::Embedding => {
            let dims = value.dims();
            let map = value.reshape(&[dims[0], 1, 1, dims[1]]).into_map();
            Value::Four(pass.show(&point.name, PointSide::Post, map)).reshape(&dims)
        }
    }
}

fn window(shape: WindowShape) -> Window {
    Window {
        kernel: shape.kernel,
        stride: shape.stride,
        padding: shape.padding,
    }
}

fn into_row(value: Value) -> Tensor<1> {
    let count = value.dims().iter().product();
    match value.reshape(&[count]) {
        Value::One(row) => row,
        _ => unreachable!("it was given one axis"),
    }
}

/// A map convolved with a weight `[O, I / groups, kh, kw]` that was computed.
fn convolved(
    map: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    shape: ConvShape,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    let [outputs, inputs, height, width] = weight.dims();
    let config = Conv2dConfig {
        inputs: inputs * shape.groups,
        outputs,
        kernel: [height, width],
        stride: shape.stride,
        padding: shape.padding,
        dilation: shape.dilation,
        groups: shape.groups,
        bias: bias.is_some(),
    };
    let made = convolution(map, weight, bias, &config);
    pass.count((made.shape().num_elements() * config.fan_in()) as u64);
    made
}

/// The product of matrices in the last two axes.
fn matmul(first: Value, second: Value, pass: &mut Pass<'_>) -> Value {
    let inner = first.dims().last().copied().unwrap_or(1);
    let made = map_values!(first, second, (a, b) => a.matmul(b));
    pass.count((made.dims().iter().product::<usize>() * inner) as u64);
    made
}

/// Every so many places of an axis.
fn slice(value: Value, axis: usize, [start, end, step]: [usize; 3]) -> Value {
    if step == 1 {
        return map_value!(value, x => x.narrow(axis, start, end - start));
    }
    let places: Vec<usize> = (start..end).step_by(step).collect();
    value.select(axis, &places)
}
