//! Maps resampled along both axes, as one node of the graph.

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
use potstill_kernels::{Axis, Pool, Resample};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// `x` resampled to this size, each axis as `axis(from, to)` says; none if the fast form does not apply.
pub(crate) fn resampled(
    x: &Tensor<4>,
    [height, width]: [usize; 2],
    axis: fn(usize, usize) -> Axis,
) -> Option<Tensor<4>> {
    let [images, h, w, channels] = x.dims();
    if Form::current() == Form::Portable || [h, w, height, width].contains(&0) {
        return None;
    }
    let resample = Resample {
        images,
        channels,
        rows: axis(h, height),
        columns: axis(w, width),
    };
    let x = Operand::of(x)?;
    let mut resized = Vec::new();
    resample
        .apply(x.buffer.as_slice(), &mut resized, Pool::global())
        .ok()?;
    let resized = Buffer::new(resized, [images, height, width, channels]);
    Some(record(ResampleStep, [x.place], resample, resized))
}

#[derive(Debug)]
struct ResampleStep;

impl Backward<Flex, 1> for ResampleStep {
    type State = Resample;

    fn backward(self, ops: Ops<Resample, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        let back = ops.state.transposed();
        let mut of_x = Vec::new();
        back.apply(gradient.as_slice(), &mut of_x, Pool::global())
            .expect(CHECKED);
        let dims = [back.images, back.rows.to(), back.columns.to(), back.channels];
        gradients.register::<Flex>(parent.id, Buffer::new(of_x, dims).into_primitive());
    }
}
