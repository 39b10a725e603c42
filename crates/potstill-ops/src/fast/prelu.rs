//! The leaky rectifier with learned slopes, as one node of the graph.

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
use potstill_kernels::{Pool, Prelu};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// See [`crate::Prelu`]; none if the fast form does not apply.
pub(crate) fn rectify(x: &Tensor<4>, slopes: &Tensor<1>) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let dims = x.dims();
    let kernel = Prelu { channels: dims[3] };
    let (x, slopes) = (Operand::of(x)?, Operand::of(slopes)?);
    let mut y = Vec::new();
    kernel
        .forward(
            x.buffer.as_slice(),
            slopes.buffer.as_slice(),
            &mut y,
            Pool::global(),
        )
        .ok()?;
    let saved = Saved {
        dims,
        x: x.buffer,
        slopes: slopes.buffer,
    };
    Some(record(
        PreluStep,
        [x.place, slopes.place],
        saved,
        Buffer::new(y, dims),
    ))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    dims: [usize; 4],
    x: Buffer,
    slopes: Buffer,
}

#[derive(Debug)]
struct PreluStep;

impl Backward<Flex, 2> for PreluStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { dims, x, slopes } = ops.state;
        let kernel = Prelu { channels: dims[3] };
        let (pair, mut dx) = ([x.as_slice(), dy.as_slice()], Vec::new());
        let of_slopes = kernel
            .backward(pair, slopes.as_slice(), &mut dx, Pool::global())
            .expect(CHECKED);
        let [of_x, of_weight] = ops.parents;
        if let Some(parent) = of_x {
            gradients.register::<Flex>(parent.id, Buffer::new(dx, dims).into_primitive());
        }
        if let Some(parent) = of_weight {
            let length = of_slopes.len();
            gradients.register::<Flex>(parent.id, Buffer::new(of_slopes, [length]).into_primitive());
        }
    }
}
