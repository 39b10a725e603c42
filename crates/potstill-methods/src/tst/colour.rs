//! The network that stands for an operation on tones: a scale and a shift that depend on the magnitude, then a 5x5 convolution.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, TensorData, activation::sigmoid},
};
use potstill_ops::{Conv2d, Conv2dConfig, Mode, Pass, Scope};
use potstill_random::Stream;

/// How many numbers a network knows itself by.
const FEATURES: usize = 10;
/// How much these are shaken at each use.
const SHAKE: f64 = 0.01;

/// A colour network.
#[derive(Module, Debug)]
pub struct ColourNetwork {
    feature: Param<Tensor<1>>,
    /// Both maps `[2, 11]` from the feature and the magnitude to scale and shift.
    noise: Param<Tensor<2>>,
    condition: Param<Tensor<2>>,
    gain: Param<Tensor<1>>,
    conv: Conv2d,
}

impl ColourNetwork {
    /// A network that is not trained yet.
    pub fn new(scope: &Scope) -> Self {
        let bound = 1.0 / ((FEATURES + 1) as f64).sqrt();
        Self {
            feature: scope.normal("feature", [FEATURES], 1.0),
            noise: scope.uniform("noise", [2, FEATURES + 1], bound),
            condition: scope.uniform("condition", [2, FEATURES + 1], bound),
            gain: scope.constant([1], 1.0),
            conv: Conv2d::uniform(Conv2dConfig::new(3, 3, 5), 1.0, &scope.at("conv")),
        }
    }

    /// The draws of one use.
    pub(super) fn noise(stream: &mut Stream) -> Vec<f64> {
        (0..FEATURES).map(|_| SHAKE * stream.normal()).collect()
    }

    /// The operation at `magnitude` (`[1]`) on normalised images `[N, H, W, 3]`. `noise` is added to the network's feature, none
    /// if it is empty; `gates` say for each image how much of scale and shift it gets, all if they are empty.
    pub fn forward(&self, x: Tensor<4>, magnitude: Tensor<1>, noise: &[f64], gates: &[f64]) -> Tensor<4> {
        let mut feature = self.feature.val();
        if noise.len() == FEATURES {
            feature = feature + constant(noise, [FEATURES], &x);
        }
        let condition: Tensor<2> = Tensor::cat(vec![feature, magnitude], 0).unsqueeze_dim(1);
        let to_both = self.noise.val() + self.condition.val();
        let both = sigmoid(to_both.matmul(condition)).reshape([2, 1, 1, 1]);
        let gain = self.gain.val().reshape([1, 1, 1, 1]);
        let scale_less_1 = (both.clone().narrow(0, 0, 1) - 0.5) * gain;
        let shift = both.narrow(0, 1, 1) - 0.5;
        let (scale, shift) = if gates.is_empty() {
            (scale_less_1 + 1.0, shift)
        } else {
            let gates = constant(gates, [gates.len(), 1, 1, 1], &x);
            (scale_less_1 * gates.clone() + 1.0, shift * gates)
        };
        let content = content(&x);
        // The convolution carries the operation's share that no scale can, and is applied whatever the gate.
        self.conv
            .forward((x * scale + shift) * content, &mut Pass::new(Mode::Running))
    }
}

/// 0 on the rows and columns that are empty all along, which is padding, else 1.
fn content(x: &Tensor<4>) -> Tensor<4> {
    let sums = x.clone().inner().sum_dim(3).abs();
    let full = |dim| {
        sums.clone()
            .max_dim(dim)
            .greater_scalar(0.0)
            .float()
            .cast(x.dtype())
    };
    full(2) * full(1)
}

/// Numbers beside a tensor, on its plain device.
pub(super) fn constant<const D: usize>(values: &[f64], shape: [usize; D], like: &Tensor<4>) -> Tensor<D> {
    let device = like.clone().inner().device();
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&device, like.dtype()))
}
