//! The fully connected layer with what follows it as one node of the graph.

use std::sync::{Arc, Mutex, PoisonError};

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
    Activation, LinearEnding, LinearShape, PackedLinear, Pool, activate_backward, column_sums,
};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
    kernel_activation,
};
use crate::{Form, Linear};

/// The packed form of a weight that does not train, kept beside it.
///
/// It can never be stale, for the reason given at [`PackedCache`](super::PackedCache): it holds the very tensor that it was made
/// from. A clone starts empty.
#[derive(Debug, Default)]
pub(crate) struct PackedLinearCache(Mutex<Option<(Buffer, Arc<PackedLinear>)>>);

impl Clone for PackedLinearCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PackedLinearCache {
    fn get(&self, weight: &Buffer, size: [usize; 2]) -> Option<Arc<PackedLinear>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_from, packed)) = slot.as_ref()
            && made_from.is(weight)
        {
            return Some(Arc::clone(packed));
        }
        let packed = Arc::new(PackedLinear::new(size, weight.as_slice(), Pool::global()).ok()?);
        *slot = Some((weight.clone(), Arc::clone(&packed)));
        Some(packed)
    }
}

/// `residual + activation(layer(x))`; none if the fast form does not apply.
pub(crate) fn fast_linear<const D: usize>(
    x: &Tensor<D>,
    layer: &Linear,
    activation: crate::Activation,
    residual: Option<&Tensor<D>>,
) -> Option<Tensor<D>> {
    let (weight, bias) = (
        layer.weight.val(),
        layer.bias.as_ref().map(burn::module::Param::val),
    );
    let [outputs, inputs] = weight.dims();
    let (from, mut dims) = (x.dims(), x.dims());
    if Form::current() == Form::Portable || dims[D - 1] != inputs {
        return None;
    }
    let rows = dims[..D - 1].iter().product::<usize>();
    dims[D - 1] = outputs;
    if residual.is_some_and(|residual| residual.dims() != dims) {
        return None;
    }
    let is_plain = !(x.is_autodiff()
        || weight.is_autodiff()
        || bias.as_ref().is_some_and(Tensor::is_autodiff)
        || residual.is_some_and(Tensor::is_autodiff));
    let [x, weight, bias, residual] = [
        Operand::of(x)?,
        Operand::of(&weight)?,
        Operand::of_option(bias.as_ref())?,
        Operand::of_option(residual)?,
    ];
    let saved = Saved {
        shape: LinearShape {
            rows,
            inputs,
            outputs,
        },
        activation: kernel_activation(activation),
        dims: from.to_vec(),
        x: x.buffer,
        weight: weight.buffer,
        before: None,
    };
    let added =
        [&bias, &residual].map(|added| Some(added.buffer.as_slice()).filter(|added| !added.is_empty()));
    if is_plain {
        let y = saved.frozen_forward(layer.packed(), added)?;
        return Some(Buffer::new(y, dims).into_tensor());
    }
    let (y, before) = saved.forward(added)?;
    let saved = Saved { before, ..saved };
    let places = [x.place, weight.place, bias.place, residual.place];
    Some(record(LinearStep, places, saved, Buffer::new(y, dims)))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: LinearShape,
    /// Of the input.
    dims: Vec<usize>,
    activation: Activation,
    x: Buffer,
    weight: Buffer,
    /// What the activation was applied to, if there is one.
    before: Option<Buffer>,
}

impl Saved {
    /// The output, and what its activation was applied to; `bias` and `residual` may be missing.
    fn forward(&self, [bias, residual]: [Option<&[f32]>; 2]) -> Option<(Vec<f32>, Option<Buffer>)> {
        let (mut y, mut before) = (Vec::new(), Vec::new());
        let is_activated = self.activation != Activation::None;
        let ending = LinearEnding {
            bias,
            before: is_activated.then_some(&mut before),
            activation: self.activation,
            residual,
        };
        let [x, weight] = [&self.x, &self.weight].map(Buffer::as_slice);
        self.shape
            .forward(x, weight, ending, &mut y, Pool::global())
            .ok()?;
        let [rows, outputs] = [self.shape.rows, self.shape.outputs];
        Some((y, is_activated.then(|| Buffer::new(before, [rows, outputs]))))
    }

    /// The output by a weight that is packed once.
    fn frozen_forward(
        &self,
        packed: &PackedLinearCache,
        [bias, residual]: [Option<&[f32]>; 2],
    ) -> Option<Vec<f32>> {
        let packed = packed.get(&self.weight, [self.shape.outputs, self.shape.inputs])?;
        let ending = LinearEnding {
            bias,
            before: None,
            activation: self.activation,
            residual,
        };
        let mut y = Vec::new();
        packed
            .forward(self.shape.rows, self.x.as_slice(), ending, &mut y, Pool::global())
            .ok()?;
        Some(y)
    }

    /// The gradient of an operand, by that of the product with the bias.
    fn gradient(&self, operand: usize, dy: &[f32]) -> Buffer {
        let LinearShape { inputs, outputs, .. } = self.shape;
        let (mut gradient, pool) = (Vec::new(), Pool::global());
        match operand {
            0 => {
                let done = self
                    .shape
                    .backward_data(dy, self.weight.as_slice(), &mut gradient, pool);
                done.expect(CHECKED);
                Buffer::new(gradient, self.dims.clone())
            }
            1 => {
                let done = self
                    .shape
                    .backward_weight(self.x.as_slice(), dy, &mut gradient, pool);
                done.expect(CHECKED);
                Buffer::new(gradient, [outputs, inputs])
            }
            _ => Buffer::new(column_sums(dy, outputs, pool).expect(CHECKED), [outputs]),
        }
    }
}

#[derive(Debug)]
struct LinearStep;

impl Backward<Flex, 4> for LinearStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: input, weight, bias, residual.
    fn backward(self, ops: Ops<Saved, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let saved = ops.state;
        let [x, weight, bias, residual] = ops.parents;
        let gated = saved.before.as_ref().map(|before| {
            let mut gated = Vec::new();
            let done = activate_backward(
                before.as_slice(),
                dy.as_slice(),
                saved.activation,
                &mut gated,
                Pool::global(),
            );
            done.expect(CHECKED);
            gated
        });
        let inside = gated.as_deref().unwrap_or(dy.as_slice());
        for (operand, parent) in [x, weight, bias].into_iter().enumerate() {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, saved.gradient(operand, inside).into_primitive());
            }
        }
        if let Some(residual) = residual {
            gradients.register::<Flex>(residual.id, dy.into_primitive());
        }
    }
}
