//! Images under affine maps as one node of the graph.

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
use potstill_kernels::{AffineWarp, Pool};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// See [`crate::affine_warp`]; none if the fast form does not apply.
pub(crate) fn warp(images: &Tensor<4>, maps: &Tensor<3>) -> Option<Tensor<4>> {
    let [count, height, width, channels] = images.dims();
    if Form::current() == Form::Portable || maps.dims() != [count, 2, 3] {
        return None;
    }
    let shape = AffineWarp {
        images: count,
        size: [height, width],
        channels,
    };
    let (images, maps) = (Operand::of(images)?, Operand::of(maps)?);
    let mut warped = Vec::new();
    let (from, under) = (images.buffer.as_slice(), maps.buffer.as_slice());
    shape.forward(from, under, &mut warped, Pool::global()).ok()?;
    let saved = Saved {
        shape,
        images: images.buffer,
        maps: maps.buffer,
    };
    Some(record(
        WarpStep,
        [images.place, maps.place],
        saved,
        Buffer::new(warped, [count, height, width, channels]),
    ))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: AffineWarp,
    images: Buffer,
    maps: Buffer,
}

#[derive(Debug)]
struct WarpStep;

impl Backward<Flex, 2> for WarpStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let Saved { shape, images, maps } = ops.state;
        let [of_images, of_maps] = ops.parents;
        let found = shape
            .backward(
                images.as_slice(),
                maps.as_slice(),
                gradient.as_slice(),
                of_images.is_some(),
                Pool::global(),
            )
            .expect(CHECKED);
        if let Some(parent) = of_images {
            let [height, width] = shape.size;
            let dims = [shape.images, height, width, shape.channels];
            let gradient = Buffer::new(found.images, dims);
            gradients.register::<Flex>(parent.id, gradient.into_primitive());
        }
        if let Some(parent) = of_maps {
            let gradient = Buffer::new(found.maps, [shape.images, 2, 3]);
            gradients.register::<Flex>(parent.id, gradient.into_primitive());
        }
    }
}
