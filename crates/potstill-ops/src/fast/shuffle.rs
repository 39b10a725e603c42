//! The channel shuffle as a node of the graph, in the layout that the map has.

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
use potstill_kernels::{Pool, channel_shuffle};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// The channels dealt out again; none if the fast form does not apply.
pub(crate) fn fast_channel_shuffle(x: &Tensor<4>, groups: usize) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let dims = x.dims();
    let input = Operand::of(x)?;
    let out = shuffled(&input.buffer, dims, groups)?;
    Some(record(ShuffleStep, [input.place], Shuffle { dims, groups }, out))
}

fn shuffled(x: &Buffer, dims: [usize; 4], groups: usize) -> Option<Buffer> {
    let mut out = vec![0.0; x.as_slice().len()];
    channel_shuffle(x.as_slice(), dims[3], groups, &mut out, Pool::global()).ok()?;
    Some(Buffer::new(out, dims))
}

/// What the backward pass needs to know.
#[derive(Debug, Clone)]
struct Shuffle {
    dims: [usize; 4],
    groups: usize,
}

#[derive(Debug)]
struct ShuffleStep;

impl Backward<Flex, 1> for ShuffleStep {
    type State = Shuffle;

    /// Deals the gradient back.
    fn backward(self, ops: Ops<Shuffle, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        let Shuffle { dims, groups } = ops.state;
        let dx = shuffled(&dz, dims, dims[3] / groups).expect(CHECKED);
        gradients.register::<Flex>(parent.id, dx.into_primitive());
    }
}
