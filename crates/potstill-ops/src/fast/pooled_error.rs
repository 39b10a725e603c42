//! The error of two maps at several scales, as one node of the graph.

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
use potstill_kernels::{BinSums, Pool, PooledError};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// See [`crate::pooled_squared_error`]; none if the fast form does not apply.
pub(crate) fn pooled_error(
    map: &Tensor<4>,
    target: &Tensor<4>,
    weight: f64,
    poolings: &[(usize, f64)],
) -> Option<Tensor<1>> {
    if Form::current() == Form::Portable || map.dims() != target.dims() {
        return None;
    }
    let plan = PooledError::new(map.dims(), weight, poolings).ok()?;
    let shape = map.dims();
    let (map, target) = (Operand::of(map)?, Operand::of(target)?);
    let (error, sums) = plan
        .forward(map.buffer.as_slice(), target.buffer.as_slice(), Pool::global())
        .ok()?;
    let saved = Saved {
        plan,
        shape,
        map: map.buffer,
        target: target.buffer,
        sums,
    };
    Some(record(
        ErrorStep,
        [map.place, target.place],
        saved,
        Buffer::new(vec![error as f32], [1]),
    ))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    plan: PooledError,
    shape: [usize; 4],
    map: Buffer,
    target: Buffer,
    sums: BinSums,
}

#[derive(Debug)]
struct ErrorStep;

impl Backward<Flex, 2> for ErrorStep {
    type State = Saved;

    /// The gradient of the map, and its negative for the target.
    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let scale = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let scale: f32 = scale.as_slice().iter().sum();
        let saved = ops.state;
        for (parent, sign) in ops.parents.into_iter().zip([1.0, -1.0]) {
            let Some(parent) = parent else { continue };
            let mut gradient = Vec::new();
            saved
                .plan
                .backward(
                    saved.map.as_slice(),
                    saved.target.as_slice(),
                    &saved.sums,
                    sign * f64::from(scale),
                    &mut gradient,
                    Pool::global(),
                )
                .expect(CHECKED);
            gradients.register::<Flex>(parent.id, Buffer::new(gradient, saved.shape).into_primitive());
        }
    }
}
