//! A sum whose gradient is known as soon as the sum is: one node of the graph, of which the forward pass leaves nothing but the gradient.

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

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// The sum of a loss over rows of logits, where the fast form applies and `loss` makes no objection. `loss` gets the logits, `[R, K]` with
/// R and K at least 1, and room for their gradient; it writes the gradient and gives the sum.
pub(super) fn summed(
    logits: &Tensor<2>,
    loss: impl FnOnce(&[f32], &mut Vec<f32>) -> Option<f64>,
) -> Option<Tensor<1>> {
    let dims @ [rows, columns] = logits.dims();
    if Form::current() == Form::Portable || rows == 0 || columns == 0 {
        return None;
    }
    let logits = Operand::of(logits)?;
    let mut gradient = Vec::new();
    let sum = loss(logits.buffer.as_slice(), &mut gradient)?;
    let sum = Buffer::new(vec![sum as f32], [1]);
    Some(record(SumStep, [logits.place], Buffer::new(gradient, dims), sum))
}

#[derive(Debug)]
struct SumStep;

impl Backward<Flex, 1> for SumStep {
    /// The gradient of the logits.
    type State = Buffer;

    fn backward(self, ops: Ops<Buffer, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let scale = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let scale: f32 = scale.as_slice().iter().sum();
        let [Some(parent)] = ops.parents else { return };
        let mut gradient = ops.state;
        if scale != 1.0 {
            gradient
                .as_mut_slice()
                .iter_mut()
                .for_each(|slope| *slope *= scale);
        }
        gradients.register::<Flex>(parent.id, gradient.into_primitive());
    }
}
