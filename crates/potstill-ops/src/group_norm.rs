//! Group normalisation.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{Activation, Scope, fast::fast_group_norm};

/// Group norm over `[N, H, W, C]` maps (Wu and He 2018): mean and biased variance of each image over its places and the channels of a group,
/// weight and bias of each channel. The same in every [`Mode`](crate::Mode).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_ops::{Activation, GroupNorm, Scope};
/// use potstill_random::Seed;
///
/// let norm = GroupNorm::new(2, 4, &Scope::new(&Device::flex(), Seed::new(0), "example"));
/// let map = norm.forward(Tensor::ones([1, 3, 3, 4], &Device::flex()), Activation::Identity);
/// assert_eq!(map.abs().max().into_scalar::<f32>(), 0.0);
/// ```
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[C]`.
    pub weight: Param<Tensor<1>>,
    /// `[C]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    epsilon: f64,
}

impl GroupNorm {
    /// Weight 1, bias 0, epsilon 1e-5 (PyTorch's defaults), for so many channels in so many groups. The channels are a multiple of the
    /// groups.
    pub fn new(groups: usize, channels: usize, scope: &Scope) -> Self {
        Self {
            weight: scope.constant([channels], 1.0),
            bias: scope.constant([channels], 0.0),
            groups: groups.max(1),
            epsilon: 1e-5,
        }
    }

    /// `activation(norm(x))` of a map `[N, H, W, C]`.
    pub fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        fast_group_norm(&x, self, activation).unwrap_or_else(|| activation.apply(self.portable(x)))
    }

    fn portable(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        let x = x.reshape([n, h * w, self.groups, c / self.groups]);
        // Burn's mean over several dimensions is a chain of these two.
        let mean = |x: Tensor<4>| x.mean_dim(3).mean_dim(1);
        let centred = x.clone() - mean(x);
        let variance = mean(centred.clone().powi_scalar(2));
        let normalised = centred * (variance + self.epsilon).sqrt().recip();
        normalised.reshape([n, h, w, c]) * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// What is added to the variance before the root.
    pub(crate) fn epsilon(&self) -> f64 {
        self.epsilon
    }
}
