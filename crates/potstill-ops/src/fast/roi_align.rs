//! Maps under boxes as one node of the graph.

use std::sync::Arc;

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
use potstill_kernels::{Pool, RoiAlign};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// See [`crate::RoiAlign`]; none if the fast form does not apply.
pub(crate) fn pooled_regions(map: &Tensor<4>, plan: &Arc<RoiAlign>) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable || plan.pooled_dims().contains(&0) {
        return None;
    }
    let dims = map.dims();
    let map = Operand::of(map)?;
    let mut pooled = Vec::new();
    plan.forward(map.buffer.as_slice(), &mut pooled, Pool::global())
        .ok()?;
    let saved = Saved {
        plan: Arc::clone(plan),
        dims,
    };
    let pooled = Buffer::new(pooled, plan.pooled_dims());
    Some(record(RoiStep, [map.place], saved, pooled))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    plan: Arc<RoiAlign>,
    dims: [usize; 4],
}

#[derive(Debug)]
struct RoiStep;

impl Backward<Flex, 1> for RoiStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { plan, dims } = ops.state;
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let found = plan.backward(gradient.as_slice(), Pool::global()).expect(CHECKED);
            gradients.register::<Flex>(parent.id, Buffer::new(found, dims).into_primitive());
        }
    }
}
