//! The conv unit, `activation(norm(conv(x)) + residual)`, as one node of the graph.
//!
//! Forward: the convolution sums its output per channel as it goes, then one sweep normalises, adds and activates. Backward:
//! one sweep sums, one writes the gradient of the convolution's output, then come the two gradients of the convolution, each
//! only if somebody wants it.

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
    BatchNormBackward, ConvShape, Epilogue, GateSource, Moments, Pool, bn_apply, bn_backward, conv_forward,
    fold_batch_norm,
};

use super::{
    CHECKED,
    buffer::Buffer,
    conv::{data_gradient, weight_gradient},
    frozen::{folded_unit, inv_std},
    graph::{Operand, record},
    out_dims, shape_of,
};
use crate::{Activation, BatchNorm, Conv2d, Form, Mode};

/// What a unit gives.
pub(crate) struct Unit {
    /// `[N, H', W', O]`.
    pub map: Tensor<4>,
    /// Mean and unbiased variance of the batch, `[O]` on the plain device; in [`Mode::Batch`].
    pub moments: Option<[Tensor<1>; 2]>,
}

/// `activation(norm(conv(x)) + residual)`; none if the fast form does not apply.
pub(crate) fn conv_unit(
    x: &Tensor<4>,
    residual: Option<&Tensor<4>>,
    conv: &Conv2d,
    norm: &BatchNorm,
    activation: Activation,
    mode: Mode,
) -> Option<Unit> {
    // No network has a bias in front of a batch norm, which would take it away again.
    if Form::current() == Form::Portable || conv.bias.is_some() {
        return None;
    }
    let shape = shape_of(conv.config(), x.dims())?;
    if residual.is_some_and(|residual| residual.dims() != out_dims(&shape)) {
        return None;
    }
    let (weight, gamma, beta) = (conv.weight.val(), norm.weight.val(), norm.bias.val());
    let is_plain = ![
        x.is_autodiff(),
        weight.is_autodiff(),
        gamma.is_autodiff(),
        beta.is_autodiff(),
    ]
    .contains(&true)
        && !residual.is_some_and(Tensor::is_autodiff);
    if is_plain && mode == Mode::Running {
        let map = folded_unit(x, residual, conv, norm, activation)?;
        return Some(Unit { map, moments: None });
    }
    let statistics = if mode == Mode::Batch {
        Statistics::OfBatch
    } else {
        Statistics::running(norm)?
    };
    let layer = Layer {
        shape,
        activation,
        epsilon: norm.epsilon(),
        statistics,
    };
    let [x, weight, gamma, beta] = [
        Operand::of(x)?,
        Operand::of(&weight)?,
        Operand::of(&gamma)?,
        Operand::of(&beta)?,
    ];
    let inputs = Inputs {
        x: x.buffer,
        weight: weight.buffer,
        gamma: gamma.buffer,
        beta: beta.buffer,
    };
    let guards = [x.guard, weight.guard, gamma.guard, beta.guard];
    let (map, moments) = match residual {
        None => {
            let Done { saved, z, moments } = layer.forward(inputs, None);
            (record(UnitStep, guards, saved, z), moments)
        }
        Some(residual) => {
            let residual = Operand::of(residual)?;
            let Done { saved, z, moments } = layer.forward(inputs, Some(&residual.buffer));
            let [x, weight, gamma, beta] = guards;
            (
                record(UnitStep, [x, weight, gamma, beta, residual.guard], saved, z),
                moments,
            )
        }
    };
    Some(Unit {
        map: if is_plain { map.inner() } else { map },
        moments,
    })
}

/// What normalises.
#[derive(Debug, Clone)]
enum Statistics {
    OfBatch,
    Fixed { mean: Vec<f32>, inv_std: Vec<f32> },
}

impl Statistics {
    fn running(norm: &BatchNorm) -> Option<Self> {
        let mean = Buffer::of(&norm.running_mean.val().inner())?;
        let variance = Buffer::of(&norm.running_var.val().inner())?;
        Some(Self::Fixed {
            mean: mean.as_slice().to_vec(),
            inv_std: inv_std(variance.as_slice(), norm.epsilon()),
        })
    }
}

struct Layer {
    shape: ConvShape,
    activation: Activation,
    epsilon: f64,
    statistics: Statistics,
}

#[derive(Debug, Clone)]
struct Inputs {
    x: Buffer,
    weight: Buffer,
    gamma: Buffer,
    beta: Buffer,
}

struct Done {
    saved: Saved,
    z: Buffer,
    moments: Option<[Tensor<1>; 2]>,
}

impl Layer {
    fn forward(self, inputs: Inputs, residual: Option<&Buffer>) -> Done {
        let Self {
            shape,
            activation,
            epsilon,
            statistics,
        } = self;
        let pool = Pool::global();
        let mut y = Vec::new();
        let mut convolve = |epilogue| {
            conv_forward(
                &shape,
                inputs.x.as_slice(),
                inputs.weight.as_slice(),
                epilogue,
                &mut y,
                pool,
            )
            .expect(CHECKED);
        };
        let by_batch = matches!(statistics, Statistics::OfBatch);
        let (mean, inv_std, moments) = match statistics {
            Statistics::OfBatch => {
                let mut moments = Moments::default();
                convolve(Epilogue::Statistics(&mut moments));
                (moments.mean(), moments.inv_std(epsilon), Some(noted(&moments)))
            }
            Statistics::Fixed { mean, inv_std } => {
                convolve(Epilogue::None);
                (mean, inv_std, None)
            }
        };
        let (scale, shift) =
            fold_batch_norm(&mean, &inv_std, inputs.gamma.as_slice(), inputs.beta.as_slice()).expect(CHECKED);
        let mut z = Vec::new();
        bn_apply(
            &y,
            &scale,
            &shift,
            residual.map(Buffer::as_slice),
            activation.into(),
            &mut z,
            pool,
        )
        .expect(CHECKED);
        let (y, z) = (Buffer::new(y, out_dims(&shape)), Buffer::new(z, out_dims(&shape)));
        // Without a residual the gate is found from `y`, which is read anyway.
        let gate = (activation != Activation::Identity && residual.is_some()).then(|| z.clone());
        Done {
            saved: Saved {
                shape,
                activation,
                inputs,
                y,
                gate,
                mean,
                inv_std,
                by_batch,
            },
            z,
            moments,
        }
    }
}

/// Mean and unbiased variance. One value per channel has no unbiased variance; the batch loader never makes it.
fn noted(moments: &Moments) -> [Tensor<1>; 2] {
    let variance = if moments.count() > 1 {
        moments.unbiased_variance()
    } else {
        moments.variance()
    };
    [moments.mean(), variance].map(|values| {
        let channels = values.len();
        Buffer::new(values, [channels]).into_tensor()
    })
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: ConvShape,
    activation: Activation,
    inputs: Inputs,
    /// Output of the convolution.
    y: Buffer,
    /// Output of the unit, if the activation's gate is read from it.
    gate: Option<Buffer>,
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    by_batch: bool,
}

#[derive(Debug)]
struct UnitStep;

impl<const N: usize> Backward<Flex, N> for UnitStep {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let wants = |index: usize| ops.parents.get(index).is_some_and(Option::is_some);
        let saved = ops.state;
        let Normed {
            dy,
            gamma,
            beta,
            residual,
        } = saved.through_norm(&dz, wants(4));
        let Inputs { x, weight, .. } = &saved.inputs;
        let data = wants(0).then(|| data_gradient(&saved.shape, &dy, weight));
        let weight = wants(1).then(|| weight_gradient(&saved.shape, x, &dy));
        let found = [data, weight, Some(gamma), Some(beta), residual];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}

/// Gradients behind the activation and the batch norm.
struct Normed {
    dy: Buffer,
    gamma: Buffer,
    beta: Buffer,
    residual: Option<Buffer>,
}

impl Saved {
    fn through_norm(&self, dz: &Buffer, wants_residual: bool) -> Normed {
        let channels = self.shape.c_out;
        let gate = match &self.gate {
            Some(z) => GateSource::Output(z.as_slice()),
            None => GateSource::Input { residual: None },
        };
        let arguments = BatchNormBackward {
            y: self.y.as_slice(),
            dz: dz.as_slice(),
            gate,
            mean: &self.mean,
            inv_std: &self.inv_std,
            gamma: self.inputs.gamma.as_slice(),
            beta: self.inputs.beta.as_slice(),
            activation: self.activation.into(),
            batch_statistics: self.by_batch,
        };
        // Without an activation the residual's gradient is that of the output itself.
        let mut gated = (wants_residual && self.activation != Activation::Identity).then(Vec::new);
        let mut dy = Vec::new();
        let parameters =
            bn_backward(&arguments, &mut dy, gated.as_mut(), Pool::global()).expect(CHECKED);
        let map = |values| Buffer::new(values, out_dims(&self.shape));
        Normed {
            dy: map(dy),
            gamma: Buffer::new(parameters.gamma, [channels]),
            beta: Buffer::new(parameters.beta, [channels]),
            residual: gated.map(map).or_else(|| wants_residual.then(|| dz.clone())),
        }
    }
}
