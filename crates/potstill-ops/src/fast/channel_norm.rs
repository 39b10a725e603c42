//! Lengths of feature vectors, as one node of the graph.

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
use potstill_kernels::{Pool, row_norms, row_norms_backward};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::{Form, channel_norm::FLOOR};

/// See [`crate::channel_norm`]; none if the fast form does not apply.
pub(crate) fn fast_channel_norm(x: &Tensor<4>) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let shape = x.dims();
    let x = Operand::of(x)?;
    let mut norms = Vec::new();
    row_norms(x.buffer.as_slice(), shape[3], FLOOR, &mut norms, Pool::global()).ok()?;
    let [n, h, w, _] = shape;
    let norms = Buffer::new(norms, [n, h, w, 1]);
    let saved = Saved {
        shape,
        x: x.buffer,
        norms: norms.clone(),
    };
    Some(record(NormStep, [x.place], saved, norms))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: [usize; 4],
    x: Buffer,
    norms: Buffer,
}

#[derive(Debug)]
struct NormStep;

impl Backward<Flex, 1> for NormStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let slopes = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { shape, x, norms } = ops.state;
        let [Some(parent)] = ops.parents else { return };
        let mut gradient = Vec::new();
        row_norms_backward(
            x.as_slice(),
            shape[3],
            FLOOR,
            [norms.as_slice(), slopes.as_slice()],
            &mut gradient,
            Pool::global(),
        )
        .expect(CHECKED);
        gradients.register::<Flex>(parent.id, Buffer::new(gradient, shape).into_primitive());
    }
}
