//! The gated sum of two maps as one node of the graph.

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
use potstill_kernels::{GateGradients, GateInputs, GatedSum, Pool};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::{Conv2d, Conv2dConfig, Form};

/// See [`crate::gated_sum`]; none if the fast form does not apply.
pub(crate) fn gated(x: &Tensor<4>, y: &Tensor<4>, gates: &Conv2d) -> Option<Tensor<4>> {
    let ([images, height, width, channels], [others, rows, columns, same]) = (x.dims(), y.dims());
    let wanted = Conv2dConfig::new(2 * channels, 2, 1).with_bias();
    if Form::current() == Form::Portable || *gates.config() != wanted || [images, channels] != [others, same]
    {
        return None;
    }
    let shape = GatedSum {
        images,
        size: [height, width],
        from: [rows, columns],
        channels,
    };
    let (weight, bias) = (gates.weight.val(), gates.bias.as_ref()?.val());
    let [x, y, weight, bias] = [
        Operand::of(x)?,
        Operand::of(y)?,
        Operand::of(&weight)?,
        Operand::of(&bias)?,
    ];
    let mut saved = Saved {
        shape,
        inputs: [x.buffer, y.buffer, weight.buffer, bias.buffer],
        gates: Vec::new(),
    };
    let mut sum = Vec::new();
    saved.gates = shape.forward(&saved.inputs(), &mut sum, Pool::global()).ok()?;
    Some(record(
        GateStep,
        [x.place, y.place, weight.place, bias.place],
        saved,
        Buffer::new(sum, [images, height, width, channels]),
    ))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: GatedSum,
    /// Both maps, weight and bias of the gates.
    inputs: [Buffer; 4],
    /// The gates of every pixel.
    gates: Vec<f32>,
}

impl Saved {
    fn inputs(&self) -> GateInputs<'_> {
        let [x, y, weight, bias] = self.inputs.each_ref().map(Buffer::as_slice);
        GateInputs { x, y, weight, bias }
    }
}

#[derive(Debug)]
struct GateStep;

impl Backward<Flex, 4> for GateStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let saved = ops.state;
        let GateGradients { x, y, weight, bias } = saved
            .shape
            .backward(&saved.inputs(), &saved.gates, gradient.as_slice(), Pool::global())
            .expect(CHECKED);
        let GatedSum {
            images,
            size: [height, width],
            from: [rows, columns],
            channels,
        } = saved.shape;
        let found = [
            Buffer::new(x, [images, height, width, channels]),
            Buffer::new(y, [images, rows, columns, channels]),
            Buffer::new(weight, [2, 2 * channels, 1, 1]),
            Buffer::new(bias, [2]),
        ];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
