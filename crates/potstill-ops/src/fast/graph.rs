//! Operands and results of the fast operations as nodes of Burn's graph.

use std::fmt::Debug;

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::strategy::NoCheckpointing,
            ops::{Backward, NodeGuard, OpsKind},
        },
    },
    tensor::Tensor,
};

use super::buffer::Buffer;

/// A tensor on its way into an operation: its numbers, and its place in the graph.
pub(super) struct Operand {
    pub buffer: Buffer,
    pub place: Place,
}

/// An operand's place in the graph, kept until the operation is recorded.
pub(super) struct Place {
    guard: NodeGuard,
    /// Whether the tensor that came was of no graph.
    is_plain: bool,
}

impl Operand {
    /// A tracked tensor as it is, a plain one as a constant. None if it is not `f32` on the flex backend, or if its graph
    /// keeps checkpoints instead of maps.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let (primitive, guard) = tensor
            .clone()
            .autodiff()
            .try_into_primitive::<Autodiff<Flex>>()
            .ok()?
            .into_parts();
        Some(Self {
            buffer: Buffer::from_primitive(primitive)?,
            place: Place {
                guard,
                is_plain: !tensor.is_autodiff(),
            },
        })
    }

    /// As [`of`](Self::of); a tensor that is not there is an empty constant, of which nobody wants the gradient.
    pub fn of_option<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Self> {
        match tensor {
            Some(tensor) => Self::of(tensor),
            None => Self::of(&Buffer::new(Vec::new(), [0]).into_tensor::<1>()),
        }
    }
}

/// Makes the result a node whose parents are the operands' nodes; `state` is kept for the backward pass only if one of them
/// wants a gradient. Of operands that are all plain the result is plain.
pub(super) fn record<S, const N: usize, const D: usize>(
    step: S,
    operands: [Place; N],
    state: S::State,
    result: Buffer,
) -> Tensor<D>
where
    S: Backward<Flex, N, State: Clone + Send + Debug + 'static>,
{
    if operands.iter().all(|place| place.is_plain) {
        return result.into_tensor();
    }
    let result = result.into_primitive();
    Tensor::from_primitive::<Autodiff<Flex>>(
        match step
            .prepare::<NoCheckpointing>(operands.map(|place| place.guard))
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(state, result),
            OpsKind::UnTracked(prepared) => prepared.finish(result),
        },
    )
}
