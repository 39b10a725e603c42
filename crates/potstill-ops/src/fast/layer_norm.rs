//! Layer norm as one node of the graph.

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
use potstill_kernels::{LayerNorm as Kernel, LayerNormGradients, Pool, RowStatistics};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::{Form, LayerNorm};

/// `norm(x)`; none if the fast form does not apply.
pub(crate) fn fast_layer_norm<const D: usize>(x: &Tensor<D>, norm: &LayerNorm) -> Option<Tensor<D>> {
    let (dims, weight, bias) = (x.dims(), norm.weight.val(), norm.bias.val());
    if Form::current() == Form::Portable || weight.dims() != [dims[D - 1]] {
        return None;
    }
    let [x, weight, bias] = [Operand::of(x)?, Operand::of(&weight)?, Operand::of(&bias)?];
    let mut saved = Saved {
        dims: dims.to_vec(),
        epsilon: norm.epsilon(),
        x: x.buffer,
        weight: weight.buffer,
        bias: bias.buffer,
        statistics: RowStatistics::default(),
    };
    let mut y = Vec::new();
    saved.statistics = saved
        .kernel()
        .forward(saved.x.as_slice(), &mut y, Pool::global())
        .ok()?;
    let places = [x.place, weight.place, bias.place];
    Some(record(LayerNormStep, places, saved, Buffer::new(y, dims)))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    dims: Vec<usize>,
    epsilon: f64,
    x: Buffer,
    weight: Buffer,
    bias: Buffer,
    statistics: RowStatistics,
}

impl Saved {
    fn kernel(&self) -> Kernel<'_> {
        Kernel {
            weight: self.weight.as_slice(),
            bias: self.bias.as_slice(),
            epsilon: self.epsilon,
        }
    }
}

#[derive(Debug)]
struct LayerNormStep;

impl Backward<Flex, 3> for LayerNormStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: input, weight, bias.
    fn backward(self, ops: Ops<Saved, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let saved = ops.state;
        let mut dx = Vec::new();
        let LayerNormGradients { weight, bias } = saved
            .kernel()
            .backward(
                saved.x.as_slice(),
                &saved.statistics,
                dy.as_slice(),
                &mut dx,
                Pool::global(),
            )
            .expect(CHECKED);
        let channels = [weight.len()];
        let found = [
            Buffer::new(dx, saved.dims),
            Buffer::new(weight, channels),
            Buffer::new(bias, channels),
        ];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
