//! The divergence of rows of softmaxes, as one node of the graph: the forward pass leaves nothing but the gradient.

use std::ops::Range;

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
use potstill_kernels::{Pool, softmax_divergence};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// See [`crate::softmax_divergence`]; none if the fast form does not apply.
pub(crate) fn fast_divergence(
    scores: &Tensor<2>,
    ranges: &[Range<usize>],
    targets: &dyn Fn(Range<usize>) -> Tensor<2>,
) -> Option<Tensor<1>> {
    let [rows, columns] = scores.dims();
    if Form::current() == Form::Portable || rows == 0 || columns == 0 {
        return None;
    }
    let is_plain = !scores.is_autodiff();
    let scores = Operand::of(scores)?;
    let mut gradient = vec![0.0; rows * columns];
    let mut sum = 0.0;
    for range in ranges {
        let wanted = Buffer::of(&targets(range.clone()).inner())?;
        let part = range.start * columns..range.end * columns;
        sum += softmax_divergence(
            &scores.buffer.as_slice()[part.clone()],
            wanted.as_slice(),
            columns,
            1.0 / rows as f32,
            &mut gradient[part],
            Pool::global(),
        )
        .ok()?;
    }
    let gradient = Buffer::new(gradient, [rows, columns]);
    let mean = Buffer::new(vec![(sum / rows as f64) as f32], [1]);
    let divergence = record(DivergenceStep, [scores.guard], gradient, mean);
    Some(if is_plain { divergence.inner() } else { divergence })
}

#[derive(Debug)]
struct DivergenceStep;

impl Backward<Flex, 1> for DivergenceStep {
    /// The gradient of the scores.
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
