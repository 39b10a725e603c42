//! The network that stands for an operation on places: an affine map that is linear in the magnitude.

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Tensor, TensorData},
};
use potstill_ops::{Linear, Mode, Pass, Scope, affine_warp};
use potstill_random::Stream;

use super::colour::constant;

/// How many numbers a network knows itself by.
const FEATURES: usize = 6;
/// How much these, and the magnitude, are shaken for each image.
const SHAKE: f64 = 0.01;
/// The map that changes nothing.
pub(super) const IDENTITY: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

/// An affine network.
#[derive(Module, Debug)]
pub struct AffineNetwork {
    feature: Param<Tensor<1>>,
    linear: Linear,
}

impl AffineNetwork {
    /// A network that changes nothing yet.
    pub fn new(scope: &Scope) -> Self {
        let weight = scope.constant([6, FEATURES + 1], 0.0);
        let bias = Tensor::<1>::from_data(
            TensorData::from(IDENTITY.map(|v| v as f32)),
            &weight.val().device(),
        );
        Self {
            feature: scope.normal("feature", [FEATURES], 1.0),
            linear: Linear::of(
                weight,
                Some(Param::initialized(ParamId::new(), bias.require_grad())),
            ),
        }
    }

    /// The draws of one use on so many images.
    pub(super) fn noise(images: usize, stream: &mut Stream) -> Vec<f64> {
        (0..images * (FEATURES + 1))
            .map(|_| SHAKE * stream.normal())
            .collect()
    }

    /// The maps `[N, 2, 3]` at `magnitude` (`[1]`) for the images `x`; `noise` is added for each image to feature and magnitude,
    /// none if it is empty.
    pub fn maps(&self, x: &Tensor<4>, magnitude: Tensor<1>, noise: &[f64]) -> Tensor<3> {
        let images = x.dims()[0];
        let known: Tensor<2> = Tensor::cat(vec![self.feature.val(), magnitude], 0).unsqueeze();
        let mut known = known.expand([images, FEATURES + 1]);
        if noise.len() == images * (FEATURES + 1) {
            known = known + constant(noise, [images, FEATURES + 1], x);
        }
        self.linear
            .forward(known, &mut Pass::new(Mode::Running))
            .reshape([images, 2, 3])
    }

    /// The operation at `magnitude` (`[1]`) on normalised images `[N, H, W, C]`. `gates` say for each image how far its map goes
    /// from the identity, all the way if they are empty.
    pub fn forward(&self, x: Tensor<4>, magnitude: Tensor<1>, noise: &[f64], gates: &[f64]) -> Tensor<4> {
        let maps = gated(self.maps(&x, magnitude, noise), gates, &x);
        affine_warp(x, maps)
    }
}

/// Maps on their way from the identity (gate 0) to themselves (gate 1).
pub(super) fn gated(maps: Tensor<3>, gates: &[f64], x: &Tensor<4>) -> Tensor<3> {
    if gates.is_empty() {
        return maps;
    }
    let identity = constant(&IDENTITY, [1, 2, 3], x);
    let gates: Tensor<3> = constant(gates, [gates.len(), 1, 1], x);
    (maps - identity.clone()) * gates + identity
}
