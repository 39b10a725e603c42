//! Max-pooling with places and unpooling, each as one node of the graph.

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
    tensor::{Device, Int, Tensor, TensorData},
};
use potstill_kernels::{Pool, UnpoolShape};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// Where the largest value of each window was found.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    shape: UnpoolShape,
    places: Arc<[u8]>,
}

impl Places {
    /// The places in the map, row by row: `[N, C, h * w]`, for the portable form.
    pub(crate) fn indices(&self, device: &Device) -> Tensor<3, Int> {
        let UnpoolShape {
            images,
            size: [_, width],
            channels,
            window,
        } = self.shape;
        let [h, w] = self.shape.pooled();
        let mut indices = vec![0_i64; self.places.len()];
        for (i, index) in indices.iter_mut().enumerate() {
            let (plane, row, column) = (i / (h * w), i / w % h, i % w);
            let (image, channel) = (plane / channels, plane % channels);
            let place = usize::from(self.places[((image * h + row) * w + column) * channels + channel]);
            let (row, column) = (row * window + place / window, column * window + place % window);
            *index = (row * width + column) as i64;
        }
        Tensor::from_data(TensorData::new(indices, [images, channels, h * w]), device)
    }
}

/// The largest value of each window and where it was; none if the fast form does not apply.
pub(crate) fn pool_with_places(x: &Tensor<4>, window: usize) -> Option<(Tensor<4>, Places)> {
    if Form::current() == Form::Portable {
        return None;
    }
    let [images, height, width, channels] = x.dims();
    let shape = UnpoolShape {
        images,
        size: [height, width],
        channels,
        window,
    };
    let x = Operand::of(x)?;
    let (mut largest, mut places) = (Vec::new(), vec![0; shape.pooled_len()]);
    shape
        .pool(x.buffer.as_slice(), &mut largest, &mut places, Pool::global())
        .ok()?;
    let [h, w] = shape.pooled();
    let places = Places {
        shape,
        places: places.into(),
    };
    let largest = Buffer::new(largest, [images, h, w, channels]);
    let largest = record(PoolStep, [x.place], places.clone(), largest);
    Some((largest, places))
}

/// The values at their places in a map of zeros; none if they are not of the size of the places, or the fast form does not apply.
pub(crate) fn unpool_to(x: &Tensor<4>, places: &Places) -> Option<Tensor<4>> {
    let Places { shape, places: found } = places;
    let x = Operand::of(x)?;
    let mut map = Vec::new();
    shape
        .unpool(x.buffer.as_slice(), found, &mut map, Pool::global())
        .ok()?;
    let [height, width] = shape.size;
    let map = Buffer::new(map, [shape.images, height, width, shape.channels]);
    Some(record(UnpoolStep, [x.place], places.clone(), map))
}

#[derive(Debug)]
struct PoolStep;

impl Backward<Flex, 1> for PoolStep {
    type State = Places;

    fn backward(self, ops: Ops<Places, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        let Places { shape, places } = ops.state;
        let mut map = Vec::new();
        shape
            .unpool(gradient.as_slice(), &places, &mut map, Pool::global())
            .expect(CHECKED);
        let [height, width] = shape.size;
        let map = Buffer::new(map, [shape.images, height, width, shape.channels]);
        gradients.register::<Flex>(parent.id, map.into_primitive());
    }
}

#[derive(Debug)]
struct UnpoolStep;

impl Backward<Flex, 1> for UnpoolStep {
    type State = Places;

    fn backward(self, ops: Ops<Places, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [Some(parent)] = ops.parents else { return };
        let Places { shape, places } = ops.state;
        let mut pooled = Vec::new();
        shape
            .gather(gradient.as_slice(), &places, &mut pooled, Pool::global())
            .expect(CHECKED);
        let [height, width] = shape.pooled();
        let pooled = Buffer::new(pooled, [shape.images, height, width, shape.channels]);
        gradients.register::<Flex>(parent.id, pooled.into_primitive());
    }
}
