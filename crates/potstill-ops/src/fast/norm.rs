//! The norm unit, `activation(norm(x))`, as one node of the graph: where a batch norm stands before its convolution.

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
use potstill_kernels::{Pool, bn_statistics};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
    kernel_activation,
    normalise::{Ending, Normalised, Statistics, Unit, as_tensors, noted},
};
use crate::{Activation, BatchNorm, Form, Mode};

/// `activation(norm(x))`; none if the fast form does not apply.
pub(crate) fn norm_unit(x: &Tensor<4>, norm: &BatchNorm, activation: Activation, mode: Mode) -> Option<Unit> {
    if Form::current() == Form::Portable {
        return None;
    }
    let activation = kernel_activation(activation);
    let (gamma, beta) = (norm.weight.val(), norm.bias.val());
    let dims = x.dims();
    if gamma.dims() != [dims[3]] {
        return None;
    }
    let [x, gamma, beta] = [Operand::of(x)?, Operand::of(&gamma)?, Operand::of(&beta)?];
    let (statistics, moments) = match mode {
        Mode::Batch => {
            let moments = bn_statistics(x.buffer.as_slice(), dims[3], Pool::global()).ok()?;
            (
                Statistics::of_batch(&moments, norm.epsilon()),
                Some(noted(&moments)),
            )
        }
        Mode::Running | Mode::RunningWithGradient => (Statistics::running(norm)?, None),
    };
    let ending = Ending {
        residual: None,
        activation,
    };
    let (normalised, z) =
        Normalised::forward(x.buffer, dims, statistics, [gamma.buffer, beta.buffer], ending);
    let map = record(NormStep, [x.place, gamma.place, beta.place], normalised, z);
    Some(Unit {
        map,
        moments: moments.map(as_tensors),
    })
}

#[derive(Debug)]
struct NormStep;

impl Backward<Flex, 3> for NormStep {
    type State = Normalised;

    /// Hands each parent that wants one its gradient: input, gamma, beta.
    fn backward(self, ops: Ops<Normalised, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let behind = ops.state.backward(&dz, false);
        for (parent, gradient) in ops.parents.into_iter().zip([behind.y, behind.gamma, behind.beta]) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
