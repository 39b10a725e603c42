//! Maximum and mean over windows, as one node of the graph.

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
use potstill_kernels::{Pool, Summary, WindowShape, window_backward, window_forward};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::{Form, Window};

/// The summary of every window; none if the fast form does not apply.
pub(crate) fn summarise(x: &Tensor<4>, window: Window, summary: Summary) -> Option<Tensor<4>> {
    if Form::current() == Form::Portable {
        return None;
    }
    let [n, h, w, channels] = x.dims();
    let shape = WindowShape {
        n,
        h,
        w,
        channels,
        kernel: window.kernel,
        stride: window.stride,
        padding: window.padding,
    };
    let x = Operand::of(x)?;
    let mut z = Vec::new();
    window_forward(&shape, summary, x.buffer.as_slice(), &mut z, Pool::global()).ok()?;
    let [oh, ow] = shape.out_size();
    let z = Buffer::new(z, [n, oh, ow, channels]);
    // A mean has the same gradient everywhere.
    let read = (summary == Summary::Maximum).then(|| [x.buffer, z.clone()]);
    let saved = Saved { shape, summary, read };
    Some(record(WindowStep, [x.place], saved, z))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: WindowShape,
    summary: Summary,
    /// Map and maxima.
    read: Option<[Buffer; 2]>,
}

#[derive(Debug)]
struct WindowStep;

impl Backward<Flex, 1> for WindowStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        let Saved { shape, summary, read } = ops.state;
        let [x, z] = read
            .as_ref()
            .map_or([&[][..]; 2], |read| read.each_ref().map(Buffer::as_slice));
        let mut dx = Vec::new();
        window_backward(&shape, summary, [x, z, dz.as_slice()], &mut dx, Pool::global()).expect(CHECKED);
        let dx = Buffer::new(dx, [shape.n, shape.h, shape.w, shape.channels]);
        gradients.register::<Flex>(parent.id, dx.into_primitive());
    }
}
