//! What the conv unit and the norm unit share: `activation(norm(y) + residual)` on the numbers, forward and backward.

use burn::tensor::Tensor;
use potstill_kernels::{
    Activation, BatchNormBackward, GateSource, Moments, Pool, bn_apply, bn_backward, fold_batch_norm,
};

use super::{CHECKED, buffer::Buffer, frozen::inv_std};
use crate::BatchNorm;

/// What a unit gives.
pub(crate) struct Unit {
    /// `[N, H', W', O]`.
    pub map: Tensor<4>,
    /// Mean and unbiased variance of the batch, `[O]` on the plain device; in [`Mode::Batch`](crate::Mode::Batch).
    pub moments: Option<[Tensor<1>; 2]>,
}

/// What normalises: one value per channel.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    pub mean: Vec<f32>,
    pub inv_std: Vec<f32>,
    /// Whether they are those of this batch, so that gradients flow through them.
    pub of_batch: bool,
}

impl Statistics {
    pub fn running(norm: &BatchNorm) -> Option<Self> {
        let mean = Buffer::of(&norm.running_mean.val().inner())?;
        let variance = Buffer::of(&norm.running_var.val().inner())?;
        Some(Self {
            mean: mean.as_slice().to_vec(),
            inv_std: inv_std(variance.as_slice(), norm.epsilon()),
            of_batch: false,
        })
    }

    pub fn of_batch(moments: &Moments, epsilon: f64) -> Self {
        Self {
            mean: moments.mean(),
            inv_std: moments.inv_std(epsilon),
            of_batch: true,
        }
    }
}

/// Mean and unbiased variance on their way into the running statistics. One value per channel has no unbiased variance; the
/// batch loader never makes it.
pub(super) fn noted(moments: &Moments) -> [Vec<f32>; 2] {
    let variance = if moments.count() > 1 {
        moments.unbiased_variance()
    } else {
        moments.variance()
    };
    [moments.mean(), variance]
}

pub(super) fn as_tensors(values: [Vec<f32>; 2]) -> [Tensor<1>; 2] {
    values.map(|values| {
        let channels = values.len();
        Buffer::new(values, [channels]).into_tensor()
    })
}

/// A normalisation that was done, with what its backward pass reads.
#[derive(Debug, Clone)]
pub(super) struct Normalised {
    pub dims: [usize; 4],
    activation: Activation,
    /// What was normalised.
    y: Buffer,
    gate: Gate,
    gamma: Buffer,
    beta: Buffer,
    statistics: Statistics,
}

/// Where the activation's derivative comes from.
#[derive(Debug, Clone)]
enum Gate {
    /// There is no activation.
    Open,
    Output(Buffer),
    /// Computed again from the input, with what was added to it.
    Input {
        residual: Option<Buffer>,
    },
}

/// What was added and what activates.
pub(super) struct Ending<'a> {
    pub residual: Option<&'a Buffer>,
    pub activation: Activation,
}

/// Gradients behind the activation and the batch norm.
pub(super) struct Gradients {
    pub y: Buffer,
    pub gamma: Buffer,
    pub beta: Buffer,
    pub residual: Option<Buffer>,
}

impl Normalised {
    /// `activation(norm(y) + residual)` of a map with these `dims`, and what its backward pass reads.
    pub fn forward(
        y: Buffer,
        dims: [usize; 4],
        statistics: Statistics,
        [gamma, beta]: [Buffer; 2],
        Ending { residual, activation }: Ending<'_>,
    ) -> (Self, Buffer) {
        let Statistics { mean, inv_std, .. } = &statistics;
        let (scale, shift) =
            fold_batch_norm(mean, inv_std, gamma.as_slice(), beta.as_slice()).expect(CHECKED);
        let mut z = Vec::new();
        let added = residual.map(Buffer::as_slice);
        bn_apply(
            y.as_slice(),
            &scale,
            &shift,
            added,
            activation,
            &mut z,
            Pool::global(),
        )
        .expect(CHECKED);
        let z = Buffer::new(z, dims);
        let gate = match activation {
            Activation::None => Gate::Open,
            // Without a residual the gate is found from `y`, which is read anyway.
            _ if activation.gates_by_output() && residual.is_some() => Gate::Output(z.clone()),
            _ => Gate::Input {
                residual: residual.cloned(),
            },
        };
        let done = Self {
            dims,
            activation,
            y,
            gate,
            gamma,
            beta,
            statistics,
        };
        (done, z)
    }

    pub fn backward(&self, dz: &Buffer, wants_residual: bool) -> Gradients {
        let gate = match &self.gate {
            Gate::Open => GateSource::Input { residual: None },
            Gate::Output(z) => GateSource::Output(z.as_slice()),
            Gate::Input { residual } => GateSource::Input {
                residual: residual.as_ref().map(Buffer::as_slice),
            },
        };
        let arguments = BatchNormBackward {
            y: self.y.as_slice(),
            dz: dz.as_slice(),
            gate,
            mean: &self.statistics.mean,
            inv_std: &self.statistics.inv_std,
            gamma: self.gamma.as_slice(),
            beta: self.beta.as_slice(),
            activation: self.activation,
            batch_statistics: self.statistics.of_batch,
        };
        // Without an activation the residual's gradient is that of the output itself.
        let is_gated = !matches!(self.gate, Gate::Open);
        let mut gated = (wants_residual && is_gated).then(Vec::new);
        let mut dy = Vec::new();
        let parameters = bn_backward(&arguments, &mut dy, gated.as_mut(), Pool::global()).expect(CHECKED);
        let map = |values| Buffer::new(values, self.dims);
        let channels = self.dims[3];
        Gradients {
            y: map(dy),
            gamma: Buffer::new(parameters.gamma, [channels]),
            beta: Buffer::new(parameters.beta, [channels]),
            residual: gated.map(map).or_else(|| wants_residual.then(|| dz.clone())),
        }
    }
}
