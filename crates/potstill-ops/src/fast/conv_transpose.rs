//! The transposed convolution as one node of the graph: a convolution's gradient forward, the convolution itself backward.

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
use potstill_kernels::{ConvShape, Epilogue, Pool, conv_forward};

use super::{
    CHECKED,
    buffer::Buffer,
    conv::{data_gradient, weight_gradient},
    graph::{Operand, record},
    out_dims,
};
use crate::{ConvTranspose2dConfig, Form};

/// `x` under the transposed convolution, without bias; none if the fast form does not apply.
pub(crate) fn convolve_transposed(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    config: &ConvTranspose2dConfig,
) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let [n, h, w, channels] = x.dims();
    let shape = convolution_of(config, n, [h, w]);
    let fits = channels == config.inputs && shape.validate().is_ok() && shape.out_size() == [h, w];
    if !fits {
        return None;
    }
    let (x, weight) = (Operand::of(x)?, Operand::of(weight)?);
    let y = data_gradient(&shape, &x.buffer, &weight.buffer);
    let saved = Saved {
        shape,
        x: x.buffer,
        weight: weight.buffer,
    };
    Some(record(TransposedStep, [x.place, weight.place], saved, y))
}

/// The convolution that takes what the transposed one gives to maps of this size.
fn convolution_of(config: &ConvTranspose2dConfig, n: usize, size: [usize; 2]) -> ConvShape {
    let [h, w] = config.out_size(size);
    ConvShape {
        n,
        h,
        w,
        c_in: config.outputs,
        c_out: config.inputs,
        kernel: config.kernel,
        stride: config.stride,
        padding: config.padding,
        dilation: [1; 2],
        groups: 1,
    }
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: ConvShape,
    x: Buffer,
    weight: Buffer,
}

#[derive(Debug)]
struct TransposedStep;

impl Backward<Flex, 2> for TransposedStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { shape, x, weight } = ops.state;
        let [of_x, of_weight] = ops.parents;
        if let Some(parent) = of_x {
            let mut dx = Vec::new();
            let (from, by) = (dy.as_slice(), weight.as_slice());
            conv_forward(&shape, from, by, Epilogue::None, &mut dx, Pool::global()).expect(CHECKED);
            gradients.register::<Flex>(parent.id, Buffer::new(dx, out_dims(&shape)).into_primitive());
        }
        if let Some(parent) = of_weight {
            let gradient = weight_gradient(&shape, &dy, &x);
            gradients.register::<Flex>(parent.id, gradient.into_primitive());
        }
    }
}
