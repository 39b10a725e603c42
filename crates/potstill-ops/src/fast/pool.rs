//! Pooling and channel shuffling as nodes of the graph, in the layout that the maps have.

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
use potstill_kernels::{
    Pool, WindowShape, channel_shuffle, max_pool_backward, max_pool_forward, mean_pool_backward,
    mean_pool_forward,
};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::{Border, Form, Window};

/// How one map becomes another, and a gradient of the second one of the first.
#[derive(Debug, Clone)]
enum Change {
    Max {
        shape: WindowShape,
        winners: Vec<u8>,
    },
    Mean {
        shape: WindowShape,
        counts_padding: bool,
    },
    Shuffle {
        dims: [usize; 4],
        groups: usize,
    },
}

/// The largest value of each window; none if the fast form does not apply.
pub(crate) fn fast_max_pool(x: &Tensor<4>, window: Window) -> Option<Tensor<4>> {
    let shape = shape_of(x, window)?;
    let input = operand(x)?;
    let mut out = vec![0.0; shape.output_len()];
    let mut winners = vec![0; shape.output_len()];
    max_pool_forward(
        &shape,
        input.buffer.as_slice(),
        &mut out,
        &mut winners,
        Pool::global(),
    )
    .ok()?;
    Some(finish(
        x,
        input,
        Change::Max { shape, winners },
        Buffer::new(out, out_dims(&shape)),
    ))
}

/// The mean of each window; none if the fast form does not apply.
pub(crate) fn fast_avg_pool(x: &Tensor<4>, window: Window, border: Border) -> Option<Tensor<4>> {
    let shape = shape_of(x, window)?;
    let input = operand(x)?;
    let counts_padding = border == Border::Counted;
    let mut out = vec![0.0; shape.output_len()];
    mean_pool_forward(
        &shape,
        counts_padding,
        input.buffer.as_slice(),
        &mut out,
        Pool::global(),
    )
    .ok()?;
    let change = Change::Mean {
        shape,
        counts_padding,
    };
    Some(finish(x, input, change, Buffer::new(out, out_dims(&shape))))
}

/// The channels dealt out again; none if the fast form does not apply.
pub(crate) fn fast_channel_shuffle(x: &Tensor<4>, groups: usize) -> Option<Tensor<4>> {
    let dims = x.dims();
    let input = operand(x)?;
    let out = shuffled(&input.buffer, dims, groups)?;
    Some(finish(x, input, Change::Shuffle { dims, groups }, out))
}

fn operand(x: &Tensor<4>) -> Option<Operand> {
    if Form::current() == Form::Portable {
        return None;
    }
    Operand::of(x)
}

fn shape_of(x: &Tensor<4>, window: Window) -> Option<WindowShape> {
    let [n, h, w, channels] = x.dims();
    let Window {
        kernel,
        stride,
        padding,
    } = window;
    let shape = WindowShape {
        n,
        h,
        w,
        channels,
        kernel,
        stride,
        padding,
    };
    shape.validate().is_ok().then_some(shape)
}

fn out_dims(shape: &WindowShape) -> [usize; 4] {
    let [h, w] = shape.out_size();
    [shape.n, h, w, shape.channels]
}

fn shuffled(x: &Buffer, dims: [usize; 4], groups: usize) -> Option<Buffer> {
    let mut out = vec![0.0; x.as_slice().len()];
    channel_shuffle(x.as_slice(), dims[3], groups, &mut out, Pool::global()).ok()?;
    Some(Buffer::new(out, dims))
}

fn finish(x: &Tensor<4>, input: Operand, change: Change, out: Buffer) -> Tensor<4> {
    let map = record(ChangeStep, [input.guard], change, out);
    if x.is_autodiff() { map } else { map.inner() }
}

#[derive(Debug)]
struct ChangeStep;

impl Backward<Flex, 1> for ChangeStep {
    type State = Change;

    fn backward(self, ops: Ops<Change, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        gradients.register::<Flex>(parent.id, ops.state.back(&dz).into_primitive());
    }
}

impl Change {
    /// The gradient of the first map.
    fn back(&self, dz: &Buffer) -> Buffer {
        let pool = Pool::global();
        match self {
            Self::Max { shape, winners } => on_input(shape, |dx| {
                max_pool_backward(shape, dz.as_slice(), winners, dx, pool).expect(CHECKED);
            }),
            Self::Mean {
                shape,
                counts_padding,
            } => on_input(shape, |dx| {
                mean_pool_backward(shape, *counts_padding, dz.as_slice(), dx, pool).expect(CHECKED);
            }),
            Self::Shuffle { dims, groups } => shuffled(dz, *dims, dims[3] / groups).expect(CHECKED),
        }
    }
}

fn on_input(shape: &WindowShape, write: impl FnOnce(&mut [f32])) -> Buffer {
    let mut dx = vec![0.0; shape.input_len()];
    write(&mut dx);
    Buffer::new(dx, [shape.n, shape.h, shape.w, shape.channels])
}
