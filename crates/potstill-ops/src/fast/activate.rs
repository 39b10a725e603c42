//! An activation on its own as one node of the graph.

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
use potstill_kernels::{Activation, Pool, activate, activate_backward};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
    kernel_activation,
};
use crate::Form;

/// `activation(x)`; none if the fast form does not apply.
pub(crate) fn activated<const D: usize>(x: &Tensor<D>, activation: crate::Activation) -> Option<Tensor<D>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let activation = kernel_activation(activation);
    let dims = x.dims();
    let x = Operand::of(x)?;
    let mut y = Vec::new();
    activate(x.buffer.as_slice(), activation, &mut y, Pool::global()).ok()?;
    let saved = Saved {
        dims: dims.to_vec(),
        activation,
        x: x.buffer,
    };
    Some(record(ActivationStep, [x.place], saved, Buffer::new(y, dims)))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    dims: Vec<usize>,
    activation: Activation,
    x: Buffer,
}

#[derive(Debug)]
struct ActivationStep;

impl Backward<Flex, 1> for ActivationStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { dims, activation, x } = ops.state;
        let [Some(parent)] = ops.parents else { return };
        let mut dx = Vec::new();
        activate_backward(x.as_slice(), dy.as_slice(), activation, &mut dx, Pool::global()).expect(CHECKED);
        gradients.register::<Flex>(parent.id, Buffer::new(dx, dims).into_primitive());
    }
}
