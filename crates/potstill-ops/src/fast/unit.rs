//! The conv unit, `activation(norm(conv(x)) + residual)`, as one node of the graph.
//!
//! Forward: the convolution sums its output per channel as it goes, then one sweep normalises, adds and activates. Backward:
//! one sweep sums, one writes the gradient of the convolution's output, then come the two gradients of the convolution, each
//! only if somebody wants it.
//!
//! A bias of the convolution is never added: the batch norm takes it away again. It only moves the mean.

use burn::{
    backend::{
        Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
    },
    module::Param,
    tensor::Tensor,
};
use potstill_kernels::{ConvShape, Epilogue, Moments, Pool, conv_forward};

use super::{
    CHECKED,
    buffer::Buffer,
    conv::{bias_gradient, data_gradient, weight_gradient},
    frozen::folded_unit,
    graph::{Operand, record},
    kernel_activation,
    normalise::{Ending, Normalised, Statistics, Unit, as_tensors, noted},
    out_dims, shape_of,
};
use crate::{Activation, BatchNorm, Conv2d, Form, Mode, Precision};

/// `activation(norm(conv(x)) + residual)`; none if the fast form does not apply.
pub(crate) fn conv_unit(
    x: &Tensor<4>,
    residual: Option<&Tensor<4>>,
    conv: &Conv2d,
    norm: &BatchNorm,
    activation: Activation,
    (mode, precision): (Mode, Precision),
) -> Option<Unit> {
    if Form::current() == Form::Portable {
        return None;
    }
    let activation = kernel_activation(activation);
    let shape = shape_of(conv.config(), x.dims())?;
    if residual.is_some_and(|residual| residual.dims() != out_dims(&shape)) {
        return None;
    }
    let (weight, gamma, beta) = (conv.weight.val(), norm.weight.val(), norm.bias.val());
    let bias = conv.bias.as_ref().map(Param::val);
    let is_plain = !(x.is_autodiff()
        || [gamma.is_autodiff(), beta.is_autodiff(), weight.is_autodiff()].contains(&true)
        || bias.as_ref().is_some_and(Tensor::is_autodiff)
        || residual.is_some_and(Tensor::is_autodiff));
    if is_plain && mode == Mode::Running {
        let map = folded_unit(x, residual, (conv, norm, precision), activation)?;
        return Some(Unit { map, moments: None });
    }
    let running = match mode {
        Mode::Batch => None,
        Mode::Running | Mode::RunningWithGradient => Some(Statistics::running(norm)?),
    };
    let [x, weight, gamma, beta, shift, added] = [
        Operand::of(x)?,
        Operand::of(&weight)?,
        Operand::of(&gamma)?,
        Operand::of(&beta)?,
        Operand::of_option(bias.as_ref())?,
        Operand::of_option(residual)?,
    ];
    let inputs = Inputs {
        x: x.buffer,
        weight: weight.buffer,
        bias: bias.map(|_| shift.buffer),
    };
    let (y, statistics, moments) = inputs.convolve(&shape, running, norm.epsilon());
    let ending = Ending {
        residual: residual.map(|_| &added.buffer),
        activation,
    };
    let affine = [gamma.buffer, beta.buffer];
    let (normalised, z) = Normalised::forward(y, out_dims(&shape), statistics, affine, ending);
    let saved = Saved {
        shape,
        inputs,
        normalised,
    };
    let places = [
        x.place,
        weight.place,
        gamma.place,
        beta.place,
        shift.place,
        added.place,
    ];
    let map = record(UnitStep, places, saved, z);
    Some(Unit {
        map,
        moments: moments.map(as_tensors),
    })
}

#[derive(Debug, Clone)]
struct Inputs {
    x: Buffer,
    weight: Buffer,
    bias: Option<Buffer>,
}

impl Inputs {
    /// The convolution without its bias, what normalises it, and the moments of the batch if those do.
    fn convolve(
        &self,
        shape: &ConvShape,
        running: Option<Statistics>,
        epsilon: f64,
    ) -> (Buffer, Statistics, Option<[Vec<f32>; 2]>) {
        let mut y = Vec::new();
        let mut convolve = |epilogue| {
            let (x, weight) = (self.x.as_slice(), self.weight.as_slice());
            conv_forward(shape, x, weight, epilogue, &mut y, Pool::global()).expect(CHECKED);
        };
        let bias = self.bias.as_ref().map_or(&[][..], Buffer::as_slice);
        let (statistics, moments) = if let Some(mut running) = running {
            convolve(Epilogue::None);
            // norm(y + b) by a mean is norm(y) by the mean less b.
            running.mean.iter_mut().zip(bias).for_each(|(mean, b)| *mean -= b);
            (running, None)
        } else {
            let mut moments = Moments::default();
            convolve(Epilogue::Statistics(&mut moments));
            let mut noted = noted(&moments);
            noted[0].iter_mut().zip(bias).for_each(|(mean, b)| *mean += b);
            (Statistics::of_batch(&moments, epsilon), Some(noted))
        };
        (Buffer::new(y, out_dims(shape)), statistics, moments)
    }
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: ConvShape,
    inputs: Inputs,
    normalised: Normalised,
}

#[derive(Debug)]
struct UnitStep;

impl Backward<Flex, 6> for UnitStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: input, weight, gamma, beta, bias, residual.
    fn backward(self, ops: Ops<Saved, 6>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let [data, weight, .., bias, residual] = ops.parents.each_ref().map(Option::is_some);
        let Saved {
            shape,
            inputs,
            normalised,
        } = ops.state;
        let behind = normalised.backward(&dz, residual);
        let dy = &behind.y;
        let found = [
            data.then(|| data_gradient(&shape, dy, &inputs.weight)),
            weight.then(|| weight_gradient(&shape, &inputs.x, dy)),
            Some(behind.gamma),
            Some(behind.beta),
            bias.then(|| bias_gradient(dy, shape.c_out)),
            behind.residual,
        ];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
