//! The conv unit of a network that does not train: batch norm folded in, weights packed once.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use potstill_kernels::{PackedConv, Pool, fold_batch_norm};

use super::{buffer::Buffer, out_dims, shape_of};
use crate::{BatchNorm, Conv2d, Precision};

/// The packed form of a convolution with its batch norm, kept beside the convolution.
///
/// It can never be stale. It holds the very tensors that it was made from, and serves only for tensors that lie in the same
/// memory. As it shares that memory, nobody can write there: a changed weight, or a changed running statistic, always lies
/// elsewhere, and is packed anew. A clone starts empty, as clones are made to be changed.
#[derive(Debug, Default)]
pub(crate) struct PackedCache(Mutex<Option<Arc<Packed>>>);

impl Clone for PackedCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct Packed {
    /// Weight, gamma, beta, running mean, running variance, and the convolution's bias if it has one.
    made_from: Vec<Buffer>,
    precision: Precision,
    conv: PackedConv,
}

impl PackedCache {
    fn get(&self, conv: &Conv2d, norm: &BatchNorm, precision: Precision) -> Option<Arc<Packed>> {
        let present = sources(conv, norm)?;
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = slot.as_ref()
            && packed.precision == precision
            && packed.made_from.len() == present.len()
            && packed
                .made_from
                .iter()
                .zip(&present)
                .all(|(old, new)| old.is(new))
        {
            return Some(Arc::clone(packed));
        }
        let packed = Arc::new(Packed::new(conv, norm, present, precision)?);
        *slot = Some(Arc::clone(&packed));
        Some(packed)
    }
}

fn sources(conv: &Conv2d, norm: &BatchNorm) -> Option<Vec<Buffer>> {
    let weight = Buffer::of(&conv.weight.val());
    let per_channel = [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var]
        .into_iter()
        .chain(&conv.bias)
        .map(|param| Buffer::of(&param.val()));
    std::iter::once(weight).chain(per_channel).collect()
}

impl Packed {
    fn new(conv: &Conv2d, norm: &BatchNorm, made_from: Vec<Buffer>, precision: Precision) -> Option<Self> {
        let [weight, gamma, beta, mean, variance, bias @ ..] = &made_from[..] else {
            return None;
        };
        let [weight, gamma, beta, variance] = [weight, gamma, beta, variance].map(Buffer::as_slice);
        let inv_std = inv_std(variance, norm.epsilon());
        let mut mean = mean.as_slice().to_vec();
        // norm(y + b) by a mean is norm(y) by the mean less b.
        if let [bias] = bias {
            mean.iter_mut()
                .zip(bias.as_slice())
                .for_each(|(mean, b)| *mean -= b);
        }
        let (scale, shift) = fold_batch_norm(&mean, &inv_std, gamma, beta).ok()?;
        let config = conv.config();
        // The size of the map does not matter for packing: the smallest that the kernel fits.
        let reach = [0, 1].map(|d| config.dilation[d] * config.kernel[d]);
        let shape = shape_of(config, [1, reach[0], reach[1], config.inputs])?;
        let conv = PackedConv::new(&shape, weight, &scale, &shift, precision).ok()?;
        Some(Self {
            made_from,
            precision,
            conv,
        })
    }
}

/// `1 / sqrt(variance + epsilon)`.
pub(super) fn inv_std(variance: &[f32], epsilon: f64) -> Vec<f32> {
    variance
        .iter()
        .map(|&v| (1.0 / (f64::from(v) + epsilon).sqrt()) as f32)
        .collect()
}

/// The unit on plain tensors, by running statistics.
pub(super) fn folded_unit(
    x: &Tensor<4>,
    residual: Option<&Tensor<4>>,
    (conv, norm, precision): (&Conv2d, &BatchNorm, Precision),
    activation: potstill_kernels::Activation,
) -> Option<Tensor<4>> {
    let [n, h, w, _] = x.dims();
    let shape = shape_of(conv.config(), x.dims())?;
    let packed = conv.packed().get(conv, norm, precision)?;
    let x = Buffer::of(x)?;
    let residual = match residual {
        Some(residual) if residual.dims() != out_dims(&shape) => return None,
        Some(residual) => Some(Buffer::of(residual)?),
        None => None,
    };
    let residual = residual.as_ref().map(Buffer::as_slice);
    let mut z = Vec::new();
    packed
        .conv
        .forward(
            [n, h, w],
            x.as_slice(),
            residual,
            activation,
            &mut z,
            Pool::global(),
        )
        .ok()?;
    Some(Buffer::new(z, out_dims(&shape)).into_tensor())
}
