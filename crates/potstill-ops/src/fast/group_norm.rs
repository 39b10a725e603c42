//! Group norm as one node of the graph: image by image a batch norm whose channels share the statistics of their group.

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
    Activation, BatchNormBackward, GateSource, Moments, Pool, bn_apply, bn_backward, bn_statistics,
    fold_batch_norm,
};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
    kernel_activation,
};
use crate::{Form, GroupNorm};

/// `activation(norm(x))`; none if the fast form does not apply.
pub(crate) fn fast_group_norm(
    x: &Tensor<4>,
    norm: &GroupNorm,
    activation: crate::Activation,
) -> Option<Tensor<4>> {
    let dims @ [_, height, width, channels] = x.dims();
    let fits = channels.is_multiple_of(norm.groups()) && norm.weight.val().dims() == [channels];
    if Form::current() == Form::Portable || !fits || x.shape().num_elements() == 0 {
        return None;
    }
    let activation = kernel_activation(activation);
    let (gamma, beta) = (norm.weight.val(), norm.bias.val());
    let [x, gamma, beta] = [Operand::of(x)?, Operand::of(&gamma)?, Operand::of(&beta)?];
    let mut out = vec![0.0; x.buffer.as_slice().len()];
    let image = height * width * channels;
    let mut statistics = Vec::with_capacity(dims[0]);
    for (x, out) in x
        .buffer
        .as_slice()
        .chunks_exact(image)
        .zip(out.chunks_exact_mut(image))
    {
        let of_image = Statistics::of(x, channels, norm)?;
        let Statistics { mean, inv_std } = &of_image;
        let affine = [gamma.buffer.as_slice(), beta.buffer.as_slice()];
        let (scale, shift) = fold_batch_norm(mean, inv_std, affine[0], affine[1]).ok()?;
        bn_apply(x, &scale, &shift, None, activation, out, Pool::global()).ok()?;
        statistics.push(of_image);
    }
    let saved = Saved {
        dims,
        groups: norm.groups(),
        activation,
        x: x.buffer,
        gamma: gamma.buffer,
        beta: beta.buffer,
        statistics,
    };
    let places = [x.place, gamma.place, beta.place];
    Some(record(GroupNormStep, places, saved, Buffer::new(out, dims)))
}

/// What normalises an image: one value per channel, the same in all channels of a group.
#[derive(Debug, Clone)]
struct Statistics {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
}

impl Statistics {
    fn of(image: &[f32], channels: usize, norm: &GroupNorm) -> Option<Self> {
        let moments: Moments = bn_statistics(image, channels, Pool::global()).ok()?;
        let (means, variances) = (moments.mean(), moments.variance());
        let size = channels / norm.groups();
        let mut of_image = Self {
            mean: Vec::with_capacity(channels),
            inv_std: Vec::with_capacity(channels),
        };
        for (means, variances) in means.chunks_exact(size).zip(variances.chunks_exact(size)) {
            let average = |sum: f64| sum / size as f64;
            let mean = average(means.iter().map(|&mean| f64::from(mean)).sum());
            // The variance of a group: within its channels, and between their means.
            let spread = means.iter().zip(variances);
            let spread =
                spread.map(|(&own, &variance)| f64::from(variance) + (f64::from(own) - mean).powi(2));
            let variance = average(spread.sum());
            let inv_std = 1.0 / (variance + norm.epsilon()).sqrt();
            of_image.mean.extend(vec![mean as f32; size]);
            of_image.inv_std.extend(vec![inv_std as f32; size]);
        }
        Some(of_image)
    }
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    dims: [usize; 4],
    groups: usize,
    activation: Activation,
    x: Buffer,
    gamma: Buffer,
    beta: Buffer,
    /// Of each image.
    statistics: Vec<Statistics>,
}

impl Saved {
    /// The gradient of an image into `dx`, and those of weight and bias onto `sums`.
    fn backward(&self, image: usize, dz: &[f32], dx: &mut [f32], sums: &mut [Vec<f32>; 2]) {
        let Statistics { mean, inv_std } = &self.statistics[image];
        let y = &self.x.as_slice()[image * dx.len()..][..dx.len()];
        let arguments = BatchNormBackward {
            y,
            dz,
            gate: GateSource::Input { residual: None },
            mean,
            inv_std,
            gamma: self.gamma.as_slice(),
            beta: self.beta.as_slice(),
            activation: self.activation,
            batch_statistics: false,
        };
        let mut direct = Vec::new();
        let found =
            bn_backward(&arguments, &mut direct, None::<&mut Vec<f32>>, Pool::global()).expect(CHECKED);
        let (slope, offset) = self.through_statistics(image, [&found.gamma, &found.beta]);
        let pool = Pool::global();
        bn_apply(y, &slope, &offset, Some(&direct), Activation::None, dx, pool).expect(CHECKED);
        for (sum, own) in sums.iter_mut().zip([found.gamma, found.beta]) {
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
    }

    /// What goes back through mean and variance: of each channel a slope times the input, and an offset.
    fn through_statistics(&self, image: usize, [of_gamma, of_beta]: [&[f32]; 2]) -> (Vec<f32>, Vec<f32>) {
        let Statistics { mean, inv_std } = &self.statistics[image];
        let [_, height, width, channels] = self.dims;
        let size = channels / self.groups;
        let count = (height * width * size) as f64;
        let (mut slopes, mut offsets) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
        for first in (0..channels).step_by(size) {
            let weighted = |gradients: &[f32]| {
                let group = self.gamma.as_slice()[first..first + size]
                    .iter()
                    .zip(&gradients[first..]);
                group
                    .map(|(&gamma, &gradient)| f64::from(gamma) * f64::from(gradient))
                    .sum::<f64>()
                    / count
            };
            let (along, level) = (weighted(of_gamma), weighted(of_beta));
            let [mean, inv_std] = [mean[first], inv_std[first]].map(f64::from);
            let slope = -inv_std * inv_std * along;
            slopes.extend(vec![slope as f32; size]);
            offsets.extend(vec![(-slope * mean - inv_std * level) as f32; size]);
        }
        (slopes, offsets)
    }
}

#[derive(Debug)]
struct GroupNormStep;

impl Backward<Flex, 3> for GroupNormStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: input, weight, bias.
    fn backward(self, ops: Ops<Saved, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dz = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let saved = ops.state;
        let [_, height, width, channels] = saved.dims;
        let image = height * width * channels;
        let mut dx = vec![0.0; dz.as_slice().len()];
        let mut sums = [vec![0.0; channels], vec![0.0; channels]];
        let images = dz.as_slice().chunks_exact(image).zip(dx.chunks_exact_mut(image));
        for (at, (dz, dx)) in images.enumerate() {
            saved.backward(at, dz, dx, &mut sums);
        }
        let [gamma, beta] = sums.map(|sum| Buffer::new(sum, [channels]));
        let found = [Buffer::new(dx, saved.dims), gamma, beta];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
