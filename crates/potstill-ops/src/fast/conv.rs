//! The convolution alone, with or without bias, as one node of the graph.

use burn::{
    backend::{
        Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
    },
    tensor::Tensor,
};
use potstill_kernels::{ConvShape, Epilogue, Pool, conv_backward_data, conv_backward_weight, conv_forward};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
    out_dims, shape_of,
};
use crate::{Conv2dConfig, Form};

/// `x` convolved with this weight and bias; none if the fast form does not apply.
pub(crate) fn convolve(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    config: &Conv2dConfig,
) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let shape = shape_of(config, x.dims())?;
    let (x, weight) = (Operand::of(x)?, Operand::of(weight)?);
    let saved = Saved {
        shape,
        x: x.buffer,
        weight: weight.buffer,
    };
    Some(match bias {
        None => {
            let y = saved.forward(Epilogue::None);
            record(ConvStep, [x.place, weight.place], saved, y)
        }
        Some(bias) => {
            let bias = Operand::of(bias)?;
            let y = saved.forward(Epilogue::Bias(bias.buffer.as_slice()));
            record(ConvStep, [x.place, weight.place, bias.place], saved, y)
        }
    })
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: ConvShape,
    x: Buffer,
    weight: Buffer,
}

impl Saved {
    fn forward(&self, epilogue: Epilogue<'_>) -> Buffer {
        let mut y = Vec::new();
        conv_forward(
            &self.shape,
            self.x.as_slice(),
            self.weight.as_slice(),
            epilogue,
            &mut y,
            Pool::global(),
        )
        .expect(CHECKED);
        Buffer::new(y, out_dims(&self.shape))
    }
}

#[derive(Debug)]
struct ConvStep;

impl<const N: usize> Backward<Flex, N> for ConvStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: input, weight, bias.
    fn backward(self, ops: Ops<Saved, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { shape, x, weight } = ops.state;
        for (index, parent) in ops.parents.into_iter().enumerate() {
            let Some(parent) = parent else { continue };
            let gradient = match index {
                0 => data_gradient(&shape, &dy, &weight),
                1 => weight_gradient(&shape, &x, &dy),
                _ => bias_gradient(&dy, shape.c_out),
            };
            gradients.register::<Flex>(parent.id, gradient.into_primitive());
        }
    }
}

/// Gradient of the input.
pub(super) fn data_gradient(shape: &ConvShape, dy: &Buffer, weight: &Buffer) -> Buffer {
    let mut dx = Vec::new();
    conv_backward_data(shape, dy.as_slice(), weight.as_slice(), &mut dx, Pool::global()).expect(CHECKED);
    Buffer::new(dx, [shape.n, shape.h, shape.w, shape.c_in])
}

/// Gradient of the weight.
pub(super) fn weight_gradient(shape: &ConvShape, x: &Buffer, dy: &Buffer) -> Buffer {
    let mut dw = vec![0.0; shape.weight_len()];
    conv_backward_weight(shape, x.as_slice(), dy.as_slice(), &mut dw, Pool::global()).expect(CHECKED);
    let [kh, kw] = shape.kernel;
    Buffer::new(dw, [shape.c_out, shape.c_in / shape.groups, kh, kw])
}

/// Gradient of the bias: sums over all positions.
pub(super) fn bias_gradient(dy: &Buffer, channels: usize) -> Buffer {
    let mut sums = vec![0.0_f64; channels];
    for pixel in dy.as_slice().chunks_exact(channels) {
        sums.iter_mut()
            .zip(pixel)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    }
    Buffer::new(sums.into_iter().map(|sum| sum as f32).collect(), [channels])
}
